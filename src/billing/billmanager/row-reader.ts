import type { CoreManager } from '../../coremanager/client.ts'
import { PanelFault } from '../../coremanager/fault.ts'
import { IpbridgeError } from '../../errors.ts'
import { BadRow, type Row, rowOf, withMain } from './rows.ts'
import type { Settings } from './settings.ts'

/** @returns undefined where there is no such service (any more) */
export type RowReader = (item: string, signal: AbortSignal) => Promise<Row[] | undefined>

/** Rows that are asked for at once. */
const pageSize = 500

/**
 * Reads the addresses of a service.
 * @param onBadRow hears of rows that cannot be read; where nobody listens, they are an error
 */
export function rowReader({ wire, privateTypes }: Settings['options'], core: CoreManager) {
  const isPrivate = new RegExp(privateTypes, 'i')

  return async function rowsOf(
    item: string,
    signal: AbortSignal,
    onBadRow?: (message: string) => void,
  ): Promise<Row[] | undefined> {
    const rows: Row[] = []
    try {
      for await (const page of core.pages(
        wire.addresses,
        { elid: item },
        { size: pageSize, key: wire.id },
        signal,
      )) {
        for (const element of page) {
          try {
            const row = rowOf(element, wire, isPrivate)
            if (row) rows.push(row)
          } catch (error) {
            if (!(error instanceof BadRow)) throw error
            if (onBadRow === undefined) {
              const why = `of the addresses of service ${item}, ${error.message}`
              throw new IpbridgeError('panel_unavailable', `${core.http.target.whom}: ${why}`)
            }
            onBadRow(error.message)
          }
        }
      }
    } catch (error) {
      if (isGone(error)) return undefined
      throw error
    }
    return withMain(rows)
  }
}

/** Whether the panel says that what was named is not there. */
export function isGone(error: unknown): boolean {
  if (!(error instanceof PanelFault)) return false
  const { type, object } = error.fault
  return (type === 'missed' || type === 'value') && ['elid', 'plid', 'id', 'item', 'service'].includes(object)
}
