import type { LedgerMemory } from './ledger.ts'

/** Tables that only tell how things went. */
const tales = new Set(['operation_step', 'delivery_attempt', 'audit_entry', 'turn'])

/**
 * Columns that differ from one time to the next without any difference to what happens next: how often and by whom
 * something was tried (which only matters after ten deaths), and numbers that count on. Rows stand in their order.
 */
const volatile = new Set([
  ...['attempts', 'epoch', 'worker', 'lease_until', 'announce_at', 'announcements', 'started_at'],
  ...['seq', 'tx', 'fanned_tx', 'fanned_id', 'message_id', 'next_at', 'hash', 'updated_at', 'problem'],
])

/**
 * A text that is the same for two moments from which everything goes on in the same way: ids are only told
 * from each other, and times of now are only there or not.
 */
export function samenessOf(ledger: LedgerMemory, beside: unknown): string {
  const tables = Object.entries(ledger).filter(([name]) => !tales.has(name))
  const rows = tables.map(([name, text]) => `${name}: ${lasting(text)}`)
  return withoutIds(`${rows.join('\n')}\n${JSON.stringify(beside)}`)
}

/** Most tables are as they were a moment ago. */
const recent = new Map<string, string>()

/** What lasts of a table's rows. */
function lasting(text: string): string {
  const known = recent.get(text)
  if (known !== undefined) return known
  const left = JSON.stringify(JSON.parse(text, forget))
  if (recent.size > 500) recent.clear()
  recent.set(text, left)
  return left
}

/** Ids count by the order in which they turn up. */
export function withoutIds(text: string): string {
  const ids = new Map<string, string>()
  return text.replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, id => {
    const known = ids.get(id) ?? `#${ids.size + 1}`
    ids.set(id, known)
    return known
  })
}

function forget(key: string, value: unknown): unknown {
  if (volatile.has(key)) return undefined
  if (key === 'id' && typeof value === 'number') return undefined
  if (typeof value === 'number') return isNow(value) ? 'now' : value
  if (typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/.test(value)) {
    return isNow(Date.parse(value)) ? 'now' : value
  }
  return value
}

/** What a simulator holds, as text. Hardware addresses are made up by whoever makes a guest. */
export const textOf = (all: unknown): string => JSON.stringify(all, spell)

function spell(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}`
  if (value instanceof Map) return [...value]
  if (value instanceof Set) return [...value]
  return typeof value === 'string' ? value.replace(/BC:24:11(:[0-9A-F]{2}){3}/gi, 'MAC') : value
}

const isNow = (ms: number) => Math.abs(ms - Date.now()) < 86_400_000
