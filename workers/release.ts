import type { ClaimedAssignment } from '../src/db/operations.ts'
import type { Holder } from '../src/db/reservations.ts'
import type { Address } from '../src/domain/address.ts'
import { type Marker, markerOf } from '../src/domain/marker.ts'
import { done, type Outcome, superseded, waiting } from '../src/domain/outcome.ts'
import { isEntitled } from '../src/domain/states.ts'
import { asIpbridgeError, IpbridgeError } from '../src/errors.ts'
import type { Held } from '../src/ipam/driver.ts'
import type { Ipam, Ports } from '../src/queue/ports.ts'
import type { AssignmentRun, Processor, Run } from '../src/queue/run.ts'
import { markConflict } from './steps/mark-conflict.ts'
import { settle } from './steps/settle-conflict.ts'
import { waitForHolder } from './steps/wait-for-holder.ts'

/** How often a release looks whether the address that takes its place is ready. */
const replacementMs = 30_000

/**
 * Gives an address back (service deleted, extra IP cancelled).
 *
 * 1. claim: the caller has done it
 * 2. usage check: no other service has the address (else it was granted twice: a conflict, and no release), and the
 *    guest no longer uses it
 * 3. the IPAM record still carries our marker; otherwise nothing is released
 * 4. remove the PTR
 * 5. release it in the IPAM
 * 6. record; tell billing
 */
export function release({ reservations, ipamOf, panelOf }: Ports): Processor {
  return async run => {
    const { assignment, payload } = run
    if (payload.marker !== undefined && payload.address !== undefined) {
      const { address, marker, from } = payload
      return releaseOrphan(run, address, from === undefined ? [marker] : [marker, from])
    }
    if (payload.stray && payload.address !== undefined) return takeOffStray(run, payload.address)
    if (assignment === undefined || assignment.state === 'released') return done()
    if (payload.keep) return leaveServer(run, assignment)
    if (isEntitled(assignment.state)) return superseded()
    // Nothing is held in an IPAM: by a licence, or where the service never had a server that names one.
    if (!assignment.held || run.connectionId === undefined)
      return recordRelease(run, assignment, assignment.address)

    const replaced = payload.replacedBy === undefined ? 'ready' : await isReplaced(run, payload.replacedBy)
    if (replaced !== 'ready') return replaced
    const ipam = await ipamOf(run)
    const held = await find(run, ipam, assignment)
    const holder = held && (await lookForOthers(run, ipam, held.address, assignment.id))
    if (holder?.isLettingGo) return waitForHolder()
    if (held && holder) {
      if (!isConflict(run)) throw inUse(held.address, `service ${holder.serviceId} has it`)
      await markConflict(reservations, run, ipam, held, holder)
      return recordRelease(run, assignment, undefined)
    }
    const address = held?.address ?? assignment.address
    if (address !== undefined) await takeOffGuest(run, address)
    if (held) await giveBack(run, ipam, held)
    return recordRelease(run, assignment, address)
  }

  /** The service has moved, and its address goes with it: it must not be at two places. */
  async function leaveServer(run: Run, { address }: ClaimedAssignment): Promise<Outcome> {
    if (address !== undefined) await takeOffGuest(run, address)
    return done()
  }

  /** A guest has an address that its service does not have, as reconciliation found it twice. */
  async function takeOffStray(run: Run, address: Address): Promise<Outcome> {
    const assigned = await run.step(
      'find',
      () => reservations.liveAt(address, run.service?.id),
      found => (found ? 'assigned by now' : 'nothing'),
    )
    if (assigned === undefined) await takeOffGuest(run, address)
    return done()
  }

  /** A service that moves keeps its old address until the one that takes its place works. */
  async function isReplaced(run: Run, assignmentId: string): Promise<Outcome | 'ready'> {
    const next = await run.step(
      'look at its replacement',
      () => reservations.standing(assignmentId),
      ({ state }) => state,
    )
    if (next.state === 'active' || !isEntitled(next.state)) return 'ready'
    const notReady = {
      code: 'replacement_not_ready',
      message: 'the address that takes its place is not ready',
    }
    if (next.open === 'parked')
      return { state: 'parked', delayMs: replacementMs, giveBack: true, error: notReady }
    if (next.open !== undefined) return waiting(replacementMs, notReady)
    throw new IpbridgeError(
      'replacement_not_ready',
      'the address that takes its place could not be allocated: retry that operation first, then this one',
    )
  }

  /** Steps 1 and 3: the record under our marker. An allocation that never got that far has none. */
  async function find(run: Run, { driver }: Ipam, assignment: ClaimedAssignment): Promise<Held | undefined> {
    const marker = markerOf(assignment)
    const record = await run.step(
      'find',
      signal => driver.findByMarker(marker, signal),
      r => (r ? 'found' : 'nothing'),
    )
    if (record) return { address: record.address, marker }
    const { address } = assignment
    if (address !== undefined) {
      // Either an earlier try released it, or somebody changed the record: then it stays, for reconciliation.
      await run.step(
        'look again',
        signal => driver.read(address, signal),
        r => (r ? 'not ours any more' : 'free'),
      )
    }
    return undefined
  }

  /** Step 2. */
  function lookForOthers(
    run: Run,
    { addressSpace }: Ipam,
    address: Address,
    assignmentId: string,
  ): Promise<Holder | undefined> {
    return run.step(
      'check other services',
      () => reservations.holderOf({ assignmentId, addressSpace, address, licence: false }),
      holder => (holder ? `held by ${holder.serviceId}` : 'done'),
    )
  }

  /** Step 2, on the server. */
  async function takeOffGuest(run: Run, address: Address): Promise<void> {
    const panel = await panelOf(run)
    if (!panel.automatic || run.service === undefined) return
    const { service } = run
    await run.step('take off the guest', signal => panel.unassign(service, address, signal))
    await run.step('look at the guest', async signal => {
      const addresses = await panel.addresses(service, signal)
      if (addresses?.includes(address))
        throw inUse(address, `the guest of service ${service.id} still has it`)
    })
  }

  /**
   * Steps 4 and 5. The marker goes along as the fence: what is no longer ours is not touched. What passes on to another
   * service stays held, without the name that it had.
   */
  async function giveBack(run: Run, { driver }: Ipam, held: Held): Promise<void> {
    if (driver.abilities.ptr)
      await run.step('remove the PTR', signal => driver.setPtr(held, undefined, signal))
    if (run.payload.passesOn) return
    await run.step('release', signal => driver.release(held, signal))
  }

  /**
   * A record with our marker and no assignment behind it, as reconciliation found it twice or an operator decided.
   * @param markers of which the record may carry one
   */
  async function releaseOrphan(run: Run, address: Address, markers: Marker[]): Promise<Outcome> {
    const ipam = await ipamOf(run)
    for (const marker of markers) {
      const record = await run.step(
        'find',
        signal => ipam.driver.findByMarker(marker, signal),
        r => (r ? 'found' : 'nothing'),
      )
      if (record === undefined) continue
      const holder = await lookForOthers(run, ipam, address, run.id)
      if (holder) throw inUse(address, `service ${holder.serviceId} has it`)
      try {
        await giveBack(run, ipam, { address, marker })
      } catch (error) {
        if (asIpbridgeError(error).code !== 'record_not_ours') throw error
      }
    }
    const { settles } = run.payload
    if (settles) await settle(reservations, run, settles)
    return done()
  }
}

/** Step 6. */
function recordRelease(run: Run, assignment: ClaimedAssignment, address: Address | undefined): Outcome {
  const told = { service: run.service?.id, slot: assignment.slot, address }
  return done({
    assignment: { state: 'released', ptr: null },
    messages: address === undefined ? [] : [{ type: 'address.released', data: told }],
  })
}

/** An allocation that was called off before it could say that its address was granted twice: it never had it. */
function isConflict(run: Run): run is AssignmentRun {
  return run.service !== undefined && run.assignment !== undefined && run.assignment.address === undefined
}

function inUse(address: Address, why: string): IpbridgeError {
  return new IpbridgeError('still_in_use', `${address} is not released: ${why}`)
}
