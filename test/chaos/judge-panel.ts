import type { Violation } from '../../src/domain/invariants.ts'
import { assignmentOfMarker, findMarker, type Marker } from '../../src/domain/marker.ts'
import type { Snapshot } from '../../src/domain/snapshot.ts'
import type { HistoryEntry } from '../../src/simulators/ipmanager/history.ts'
import type { ShownRecord } from '../../src/simulators/ipmanager/record.ts'

/** The name that is written where an address was granted twice. */
const conflictMark = 'dns.set.error.'

/** What the panel itself has written down. */
export interface PanelBooks {
  /** Everything that ever changed, oldest first. */
  history: readonly HistoryEntry[]
  /** What is held now. */
  held: readonly ShownRecord[]
  cooldownSeconds: number
}

/**
 * Judges by the panel's own books: nothing was done twice, however often it was tried. Under one marker an address is
 * granted once and given back once, and its name is changed at most once by each operation, which may also mark a
 * conflict once: when its worker dies before that is stored, the other may have let go of the address until the next
 * try. Nobody gets an address that somebody has, or that was given back a moment ago.
 */
export function judgePanel(
  { history, held, cooldownSeconds }: PanelBooks,
  { assignments, operations }: Snapshot,
): Violation[] {
  const violations: Violation[] = []
  const say = (invariant: number, message: string) => violations.push({ invariant, message })

  const holders = new Map<string, HistoryEntry>()
  const goneAt = new Map<string, number>()
  const deeds = new Map<Marker, { granted: string[]; released: string[]; names: string[]; marks: string[] }>()

  for (const entry of history) {
    const { what, ip } = entry
    const before = holders.get(ip)
    const marker = findMarker(entry.note || before?.note)
    const deed = deeds.get(marker ?? '') ?? { granted: [], released: [], names: [], marks: [] }
    if (marker !== undefined) deeds.set(marker, deed)
    if (what === 'granted') {
      if (before) say(1, `the IPAM gave ${ip} to ${entry.note}, while ${before.note} had it`)
      const rest = (goneAt.get(ip) ?? 0) + cooldownSeconds * 1_000 - Date.parse(entry.at)
      if (rest > 0) say(6, `the IPAM gave ${ip} to ${entry.note} ${rest} ms too early`)
      holders.set(ip, entry)
      deed.granted.push(ip)
    } else if (what === 'released') {
      holders.delete(ip)
      goneAt.set(ip, Date.parse(entry.at))
      deed.released.push(ip)
    } else if (what === 'changed' && before) {
      const said = entry.domain === conflictMark ? deed.marks : deed.names
      if (entry.domain !== before.domain) said.push(entry.domain || '(none)')
      if (findMarker(entry.note) !== findMarker(before.note))
        say(5, `the marker of ${ip} was changed: ${entry.note}`)
      holders.set(ip, entry)
    }
  }

  const worked = new Map<string, number>()
  for (const { assignment } of operations) {
    if (assignment) worked.set(assignment, (worked.get(assignment) ?? 0) + 1)
  }
  for (const [marker, { granted, released, names, marks }] of deeds) {
    if (granted.length > 1) say(5, `${marker} was granted ${granted.length} addresses: ${granted.join(', ')}`)
    if (released.length > granted.length) say(5, `${marker} was given back ${released.length} times`)
    const most = worked.get(assignmentOfMarker(marker) ?? '') ?? 0
    if (names.length > most) {
      say(
        5,
        `the name under ${marker} was changed ${names.length} times by ${most} operations: ${names.join(', ')}`,
      )
    }
    if (marks.length > most) say(5, `${marker} was marked ${marks.length} times by ${most} operations`)
  }

  const names = new Map(assignments.filter(({ state }) => state === 'active').map(a => [a.marker, a.ptr]))
  for (const { ip, note, domain } of held) {
    const name = names.get(findMarker(note) ?? '')
    const shown = domain.replace(/\.$/, '') || null
    if (name !== undefined && name !== shown)
      say(7, `the IPAM shows ${shown} for ${ip}, the ledger has ${name}`)
  }
  const ofHistory = [...holders.values()].map(({ ip, note }) => `${ip} ${note}`)
  const now = new Set(held.map(({ ip, note }) => `${ip} ${note}`))
  for (const one of ofHistory) if (!now.has(one)) say(1, `the IPAM has lost what its history tells: ${one}`)
  if (now.size > ofHistory.length) say(1, 'the IPAM holds more than its history tells')
  return violations
}
