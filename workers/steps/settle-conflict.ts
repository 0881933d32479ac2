import type { Reservations } from '../../src/db/reservations.ts'
import { markerOf } from '../../src/domain/marker.ts'
import { done, type Outcome, superseded } from '../../src/domain/outcome.ts'
import { FenceLost, IpbridgeError } from '../../src/errors.ts'
import type { Ipam } from '../../src/queue/ports.ts'
import type { AssignmentRun, Run } from '../../src/queue/run.ts'

/** What an operator decided about a conflict. */
type Settlement = NonNullable<Run['payload']['settles']>

/**
 * An operator decided that the holder of an address in conflict keeps it: the record becomes the holder's, so that it is
 * found when the service ends. It stays marked with the conflict PTR, until somebody names it.
 */
export async function keepWithHolder(
  reservations: Pick<Reservations, 'marksInConflict' | 'settleConflict'>,
  run: AssignmentRun,
  { driver, name }: Ipam,
  settles: Settlement,
): Promise<Outcome> {
  const { address, slot } = run.assignment
  if (address === undefined) return superseded()
  if (driver.claim === undefined) {
    throw new IpbridgeError('ipam_refused', `${name} cannot pass a record from one service to another`)
  }
  const from = await reservations.marksInConflict(settles.conflict)
  const held = { address, marker: markerOf(run.assignment), owner: `${run.service.id} ${slot}`, from }
  await run.step('claim', async signal => driver.claim?.(held, signal))
  await settle(reservations, run, settles)
  return done()
}

/**
 * The address that an operator decided to give to its claimant has gone to another service since: the claimant keeps the
 * one that it has, and the conflict is open again.
 */
export async function keepFormer(
  reservations: Pick<Reservations, 'keepFormer'>,
  run: AssignmentRun,
): Promise<Outcome> {
  const whose = { serviceId: run.service.id, assignmentId: run.assignment.id }
  const kept = await run.step(
    'keep the address that it has',
    () => reservations.keepFormer(run, whose),
    answer => answer,
  )
  if (kept === 'lost') throw new FenceLost(run.id)
  return superseded()
}

/** What an operator decided is done. */
export async function settle(
  reservations: Pick<Reservations, 'settleConflict'>,
  run: Run,
  { conflict }: Settlement,
): Promise<void> {
  const settled = await run.step('settle the conflict', () => reservations.settleConflict(run, conflict))
  if (!settled) throw new FenceLost(run.id)
}
