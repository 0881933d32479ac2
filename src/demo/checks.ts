import type { Violation } from '../domain/invariants.ts'
import type { Facts } from './facts.ts'
import type { Line } from './play.ts'
import { settled, smallPool } from './stage.ts'

/** One thing that the demo shows, and whether it happened. */
export interface Check {
  holds: boolean
  text: string
}

/** What must hold after any events whatsoever. */
export function alwaysTrue(violations: readonly Violation[]): Check[] {
  if (violations.length === 0)
    return [{ holds: true, text: 'all invariants hold, in the ledger and in the IPAM' }]
  return violations.map(({ invariant, message }) => ({
    holds: false,
    text: `invariant ${invariant} is broken: ${message}`,
  }))
}

/** What examples/events.ndjson is written to show. */
export function toldStories(lines: readonly Line[], facts: Facts, conflictPtr: string | undefined): Check[] {
  const { conflicts, waited, comebacks, shared, failed } = facts
  const count = (status: Line['status']) => lines.filter(line => line.status === status).length
  const [conflict] = conflicts.filter(({ holder }) => holder === settled.id)
  const served = waited.filter(({ state }) => state === 'done')
  const longest = Math.max(0, ...waited.map(({ seconds }) => seconds))
  const returned = comebacks.filter(({ isFormer }) => isFormer)
  const [back, licence, failure] = [returned[0], shared[0], failed[0]]
  return [
    {
      holds: count('duplicate') > 0 && count('superseded') > 0,
      text: `${count('duplicate')} lines told again and ${count('superseded')} that came too late changed nothing`,
    },
    {
      holds: conflict?.address === settled.address && conflictPtr === 'dns.set.error',
      text: conflict
        ? `conflict: the IPAM granted ${conflict.address} to ${conflict.claimant}, but ${conflict.holder} has it; it was set aside with the PTR ${conflictPtr}, and ${conflict.claimant} got another`
        : `the address that ${settled.id} had before was never offered to anybody`,
    },
    {
      holds: waited.length > 0 && served.length === waited.length,
      text: `full pool: ${waited.length} orders of ${listed(waited.map(w => w.service))} were parked while ${smallPool.name} was full, ${served.length} were served when addresses came back (after ${longest.toFixed(1)} s at most)`,
    },
    {
      holds: returned.length > 0 && returned.length === comebacks.length,
      text: `quarantine: ${returned.length} of ${comebacks.length} services that were deleted and came back have their former address again${back ? ` (${back.service}: ${back.address})` : ''}`,
    },
    {
      holds: shared.length > 0,
      text: `licences: ${shared.length} share an address with a server without a conflict${licence ? ` (${licence.licence} and ${licence.holder}: ${licence.address})` : ''}`,
    },
    {
      holds: failed.length === 1 && failure?.error?.code === 'address_taken',
      text: failure
        ? `${failed.length} operation failed, as it had to: ${failure.kind} for ${failure.service} ${failure.slot}: ${failure.error?.code}: ${failure.error?.message}`
        : 'no operation failed, though one had to',
    },
  ]
}

function listed(names: string[]): string {
  return [...new Set(names)].join(', ')
}
