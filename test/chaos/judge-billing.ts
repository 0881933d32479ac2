import { isDeepStrictEqual } from 'node:util'
import type { Violation } from '../../src/domain/invariants.ts'
import { parseEvent } from '../../src/domain/parse-event.ts'
import type { Snapshot } from '../../src/domain/snapshot.ts'
import { isTerminal } from '../../src/domain/states.ts'
import type { Sent } from './billing.ts'

/**
 * Judges by what billing was told: each event that was accepted is in the ledger as it was sent, once, and all that
 * it led to has ended. Of an event that it never heard of again it cannot say whether it is there.
 */
export function judgeBilling(account: readonly Sent[], { events, operations }: Snapshot): Violation[] {
  const violations: string[] = []
  const stored = new Map(events.map(event => [event.id, event]))
  const states = new Map(operations.map(({ id, state }) => [id, state]))
  if (stored.size < events.length)
    violations.push(`${events.length - stored.size} events are in the ledger twice`)
  const said = new Set(account.map(({ event }) => event.id))
  for (const id of stored.keys()) if (!said.has(id)) violations.push(`nobody ever sent event ${id}`)

  for (const { event, outcome, answers, refusal } of account) {
    const what = `event ${event.id} (${event.type})`
    const found = stored.get(event.id)
    if (outcome === 'under way') violations.push(`${what} was never taken in`)
    if (outcome === 'refused') violations.push(`${what} was refused: ${refusal}`)
    if (outcome === 'refused' && found) violations.push(`${what} is in the ledger although it was refused`)
    if (outcome === 'accepted' && !found) violations.push(`${what} was accepted and is lost`)
    if (found && !isSame(event, found)) violations.push(`${what} is not in the ledger as it was sent`)
    for (const answer of answers) {
      if (!isDeepStrictEqual([...answer].sort(), [...(answers[0] ?? [])].sort()))
        violations.push(`${what} got different answers: ${answers.join(' and ')}`)
      for (const id of answer) {
        const state = states.get(id)
        if (state === undefined) violations.push(`${what} was promised operation ${id}, which is lost`)
        else if (!isTerminal(state)) violations.push(`${what} waits for operation ${id}, which is ${state}`)
      }
    }
  }
  return violations.map(message => ({ invariant: 2, message }))
}

function isSame(event: Sent['event'], stored: Snapshot['events'][number]): boolean {
  const parsed = parseEvent(event, new Date())
  if ('faults' in parsed) return false
  const { type, time, sequence, data } = parsed.event
  const plain = (value: unknown) => JSON.parse(JSON.stringify(value))
  return isDeepStrictEqual(
    plain({ type, time, sequence, data }),
    plain({ type: stored.type, time: stored.time, sequence: stored.sequence, data: stored.data }),
  )
}
