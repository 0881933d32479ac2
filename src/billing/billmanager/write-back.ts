import type { CoreManager, Params } from '../../coremanager/client.ts'
import { fieldOf } from '../../coremanager/document.ts'
import { PanelFault } from '../../coremanager/fault.ts'
import { type Address, familyOf } from '../../domain/address.ts'
import { IpbridgeError } from '../../errors.ts'
import { isGone, type RowReader } from './row-reader.ts'
import { type Row, rowFor } from './rows.ts'
import type { Settings } from './settings.ts'

/** An address for a slot of a service, as BILLmanager is to have it. */
export interface Assigned {
  item: string
  slot: string
  address: Address
  /** '' where there is none. */
  domain: string
  network: { prefix: number; gateway?: Address } | undefined
}

/**
 * Writes into BILLmanager what became of addresses. Facts: ISPsystem's published modules: an address is stored with
 * `service.ip.add` in the row of its slot, made active with `.commit` under the id that the answer gives, and dropped
 * with `service.ip.del`; all of it may be repeated. A write counts when it was read back.
 */
export function writeBack({ wire }: Settings['options'], core: CoreManager, rowsOf: RowReader) {
  const { whom } = core.http.target
  const notDone = (what: string) =>
    new IpbridgeError('panel_unavailable', `${whom} said that it is done, but ${what}`)

  async function store(row: Row, { address, domain, network }: Assigned, signal: AbortSignal): Promise<void> {
    const doc = await core.change(
      wire.add,
      { elid: row.id, [wire.ip]: address, [wire.domain]: domain, ...maskOf(address, network) },
      signal,
    )
    await core.change(wire.commit, { elid: fieldOf(doc, wire.added) || row.id }, signal)
  }

  function maskOf(address: Address, network: Assigned['network']): Params {
    if (network === undefined) return {}
    const { prefix, gateway } = network
    const mask = familyOf(address) === 6 ? String(prefix) : netmask(prefix)
    return { [wire.mask]: mask, ...(gateway === undefined ? {} : { [wire.gateway]: gateway }) }
  }

  /** An earlier try may have ended between storing and making active; what is active already may be refused. */
  async function commitAgain(row: Row, signal: AbortSignal): Promise<void> {
    try {
      await core.change(wire.commit, { elid: row.id }, signal)
    } catch (error) {
      if (!(error instanceof PanelFault) || error.retry !== 'never' || isAboutAccess(error)) throw error
    }
  }

  async function rename(item: string, row: Row, domain: string, signal: AbortSignal): Promise<void> {
    if (row.domain === domain) return
    await core.change(wire.address, { elid: row.id, plid: item, [wire.domain]: domain }, signal)
  }

  return {
    async assigned(assigned: Assigned, signal: AbortSignal): Promise<string | undefined> {
      const { item, slot, address, domain } = assigned
      const rows = await rowsOf(item, signal)
      if (rows === undefined) return `service ${item} is not there any more`
      const row = rowFor(rows, slot, address)
      if (row === undefined) {
        const why = `service ${item} has no place for ${address} (${slot}): order an address for it there, or remove it here`
        throw new IpbridgeError('panel_unavailable', `${whom}: ${why}`)
      }
      if (row.address === address) {
        await commitAgain(row, signal)
        await rename(item, row, domain, signal)
      } else await store(row, assigned, signal)
      const after = await rowsOf(item, signal)
      if (after === undefined || after.some(one => one.address === address)) return undefined
      throw notDone(`service ${item} does not show ${address}`)
    },

    async released(item: string, address: Address, signal: AbortSignal): Promise<string | undefined> {
      const row = (await rowsOf(item, signal))?.find(one => one.address === address)
      if (row === undefined) return undefined
      try {
        await core.change(wire.remove, { elid: row.id }, signal)
      } catch (error) {
        if (!isGone(error)) throw error
      }
      const after = await rowsOf(item, signal)
      if (!after?.some(one => one.address === address)) return undefined
      throw notDone(`service ${item} still shows ${address}`)
    },

    async renamed(item: string, address: Address, domain: string, signal: AbortSignal) {
      const row = (await rowsOf(item, signal))?.find(one => one.address === address)
      if (row === undefined) return `service ${item} does not show ${address} there`
      await rename(item, row, domain, signal)
      return undefined
    },
  }
}

function isAboutAccess({ fault }: PanelFault): boolean {
  return fault.type === 'auth' || fault.type === 'access' || fault.type === 'license'
}

function netmask(prefix: number): string {
  const bits = prefix === 0 ? 0 : (~0 << (32 - prefix)) >>> 0
  return [24, 16, 8, 0].map(shift => (bits >>> shift) & 255).join('.')
}
