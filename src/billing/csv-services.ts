import { pipeline } from 'node:stream'
import { CsvError, parse } from 'csv-parse'
import { z } from 'zod'
import { AddressError, canonicalAddress } from '../domain/address.ts'
import { eventData } from '../domain/events.ts'
import { faultsOf } from '../domain/faults.ts'
import { HostnameError, normalizeHostname } from '../domain/hostname.ts'
import type { ImportedAddress, ImportedService } from '../domain/import.ts'
import { IpbridgeError } from '../errors.ts'

/** A line that cannot be used. */
export interface BadLine {
  where: string
  message: string
}

const needed = ['service', 'kind', 'client', 'domain', 'server'] as const
const optional = ['guest', 'address', 'ptr', 'order'] as const
const columns: readonly string[] = [...needed, ...optional]

type Line = Partial<Record<(typeof needed)[number] | (typeof optional)[number], string>>

const order = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'must be letters, digits, dots, underscores and hyphens')

/**
 * Reads services and their addresses from CSV: one line an address, with the service's fields on each; lines of
 * one service stand together. The first line names the columns: `service, kind, client, domain, server`, and
 * as far as they are known `guest, address, ptr, order`. `ptr` is `-` where there is none, and empty where
 * nobody knows. Commas, semicolons or tabs.
 *
 * @param onBadLine hears of lines that are left out
 * @throws invalid_request where the columns are not these, or the text is no CSV
 */
export async function* servicesOfCsv(
  input: NodeJS.ReadableStream,
  onBadLine: (bad: BadLine) => void,
): AsyncGenerator<ImportedService> {
  let current: ImportedService | undefined
  for await (const { record, where, misfit } of linesOf(input)) {
    const read = misfit === undefined ? readLine(record, where) : { where, message: misfit }
    if ('message' in read) {
      onBadLine(read)
      continue
    }
    if (current !== undefined && isSame(current, read.service)) {
      current.addresses.push(...read.service.addresses)
      continue
    }
    if (current) yield current
    current = read.service
  }
  if (current) yield current
}

interface CsvLine {
  record: Line
  where: string
  /** Why its values cannot be told apart, where they cannot. */
  misfit: string | undefined
}

async function* linesOf(input: NodeJS.ReadableStream): AsyncGenerator<CsvLine> {
  let width = 0
  const parser = pipeline(
    input,
    parse({
      bom: true,
      columns: (header: string[]) => {
        width = header.length
        return checkHeader(header.map(name => name.trim().toLowerCase()))
      },
      delimiter: [',', ';', '\t'],
      trim: true,
      skip_empty_lines: true,
      info: true,
      // One line with too few values is no reason to leave all that follow unread.
      relax_column_count: true,
      max_record_size: 65_536,
    }),
    // What went wrong is thrown to whoever reads the records.
    () => undefined,
  )
  try {
    for await (const { record, info } of parser) {
      const misfit =
        info.index === width ? undefined : `it has ${info.index} columns where the first line has ${width}`
      yield { record, where: `line ${info.lines}`, misfit }
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    throw new IpbridgeError('invalid_request', `this is not CSV that can be read: ${error.message}`, {
      cause: error,
    })
  }
}

function checkHeader(header: string[]): string[] {
  const missing = needed.filter(name => !header.includes(name))
  const unknown = header.filter(name => !columns.includes(name))
  if (missing.length === 0 && unknown.length === 0) return header
  const what = [
    ...(missing.length > 0 ? [`lacks ${missing.join(', ')}`] : []),
    ...(unknown.length > 0
      ? [`has ${unknown.map(name => JSON.stringify(name)).join(', ')}, which nobody knows`]
      : []),
  ]
  throw new IpbridgeError(
    'invalid_request',
    `the first line ${what.join(' and ')}; the columns are ${columns.join(', ')}`,
  )
}

function readLine(line: Line, where: string): { service: ImportedService } | BadLine {
  const input = {
    id: line.service,
    kind: line.kind,
    client: line.client,
    domain: line.domain,
    server: line.server,
    ...(line.guest ? { guest: line.guest } : {}),
  }
  const parsed = eventData['service.created'].shape.service.safeParse(input)
  if (!parsed.success) {
    const faults = faultsOf(parsed.error, input)
    const text = faults.map(({ pointer, message }) => `${columnOf(pointer)} ${message}`)
    return { where, message: text.join('; ') }
  }
  const { id, kind, client, domain, server, guest } = parsed.data
  try {
    const addresses = line.address ? [readAddress(line, line.address, where)] : []
    const service = {
      where,
      id,
      kind,
      client,
      domain,
      server,
      ...(guest === undefined ? {} : { guest }),
      addresses,
    }
    return { service }
  } catch (error) {
    if (error instanceof AddressError || error instanceof HostnameError)
      return { where, message: error.message }
    throw error
  }
}

function columnOf(pointer: string): string {
  const name = pointer.split('/')[1] ?? ''
  return name === 'id' ? 'service' : name
}

function readAddress(line: Line, address: string, where: string): ImportedAddress {
  if (line.order && !order.safeParse(line.order).success) {
    throw new AddressError(
      `order ${JSON.stringify(line.order)} must be letters, digits, dots, underscores and hyphens`,
    )
  }
  return {
    where,
    address: canonicalAddress(address),
    ...(line.ptr ? { ptr: line.ptr === '-' ? null : normalizeHostname(line.ptr) } : {}),
    ...(line.order ? { order: line.order } : {}),
  }
}

function isSame(a: ImportedService, b: ImportedService): boolean {
  return (
    a.id === b.id &&
    a.kind === b.kind &&
    a.client === b.client &&
    a.domain === b.domain &&
    a.server === b.server &&
    a.guest === b.guest
  )
}
