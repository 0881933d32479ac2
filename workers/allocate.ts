import type { Holder } from '../src/db/reservations.ts'
import { type Address, type Family, familyOf } from '../src/domain/address.ts'
import { type Marker, markerOf } from '../src/domain/marker.ts'
import { done, type Outcome, superseded } from '../src/domain/outcome.ts'
import { isMainSlot } from '../src/domain/service-state.ts'
import { isEntitled } from '../src/domain/states.ts'
import { asIpbridgeError, FenceLost, IpbridgeError } from '../src/errors.ts'
import type { AddressNetwork, IpamRecord } from '../src/ipam/driver.ts'
import type { Ipam, Ports } from '../src/queue/ports.ts'
import type { AssignmentRun, Processor, Run } from '../src/queue/run.ts'
import { markConflict } from './steps/mark-conflict.ts'
import { keepFormer, keepWithHolder, settle } from './steps/settle-conflict.ts'
import { waitForHolder } from './steps/wait-for-holder.ts'

/** So many granted addresses may belong to someone else before an operator has to look at the books. */
const mostConflicts = 10

/** An address that is ours in the ledger. */
type Bound = { address: Address; ptr: string | undefined; network?: AddressNetwork | undefined }

/** Why there is none: the service lost its claim to one, or another service has yet to say that it gave it back. */
type Unbound = 'revoked' | 'being let go'

/**
 * Gives a slot its address (service created, extra IP ordered).
 *
 * 1. claim: the caller has done it. Superseded by a later event? Then end; a release comes after us.
 * 2. find what an earlier try was granted, by its marker; else request an address, marked
 * 3. check that no other service has it; wait where one is just giving it back, otherwise mark the conflict and go
 *    back to 2
 * 4. set the PTR: the one ordered, else the service's domain
 * 5. record: reserve it in the ledger
 * 6. configure the server with it
 * 7. tell billing
 */
export function allocate({ reservations, ipamOf, panelOf, lookForward }: Ports): Processor {
  return async run => {
    if (run.assignment && !isEntitled(run.assignment.state)) return superseded()
    if (!isAllocation(run)) throw notLive(run)
    const ipam = await ipamOf(run)
    const { settles } = run.payload
    if (settles?.favours === 'holder') return keepWithHolder(reservations, run, ipam, settles)
    const holder = settles && (await stillHeldBy(run, ipam))
    if (holder?.isEntitled) return keepFormer(reservations, run)
    if (holder) return waitForHolder()
    let bound: Bound | Unbound
    try {
      bound = run.assignment.held ? await bindFromIpam(run, ipam) : await bindNamed(run, ipam)
    } catch (error) {
      const { code } = asIpbridgeError(error)
      // Nobody holds the address any more, or somebody else does.
      if (settles && code === 'record_not_ours') return keepFormer(reservations, run)
      if (!settles && code === 'address_taken' && (await isDecided(run))) return superseded()
      throw error
    }
    if (bound === 'revoked') return superseded()
    if (bound === 'being let go') return waitForHolder()
    const outcome = await configureAndTell(run, ipam, bound)
    if (settles) await settle(reservations, run, settles)
    return outcome
  }

  /** The claimant of an address in conflict gets it once its holder has given it up. */
  async function stillHeldBy(run: AssignmentRun, ipam: Ipam): Promise<Holder | undefined> {
    const { requested } = run.assignment
    if (requested === undefined) return undefined
    return run.step('wait for the holder', () => holderOf(run, ipam, requested), heldOr('gone'))
  }

  /** Whether the address is on its way from another service: the operation that brings it knows all that we do. */
  function isDecided({ assignment, step }: AssignmentRun): Promise<boolean> {
    const look = () => reservations.isDecided(assignment.id)
    return step('look for a decision', look, decided => (decided ? 'another operation gets it' : 'none'))
  }

  /** Steps 2 to 5, until an address is bound or too many were someone else's. */
  async function bindFromIpam(run: AssignmentRun, ipam: Ipam): Promise<Bound | Unbound> {
    const { id, conflicts, family } = run.assignment
    for (let met = 0; met < mostConflicts; met++) {
      const marker = markerOf({ id, conflicts: conflicts + met })
      const record = await obtain(run, ipam, marker)
      const { address, network } = record
      if (familyOf(address) !== family) throw ofOtherFamily(ipam, address, family)
      let holder = await run.step('check', () => holderOf(run, ipam, address), heldOr('free'))
      if (holder === undefined) {
        const ptr = await setPtr(run, ipam, record, marker)
        const recording = () => reserve(run, ipam, address, ptr)
        const reserved = await run.step('record', recording, r => r.outcome)
        if (reserved.outcome === 'lost') throw new FenceLost(run.id)
        if (reserved.outcome === 'revoked') return 'revoked'
        if (reserved.outcome === 'reserved') return { address, ptr, network }
        holder = reserved.holder
      }
      if (holder.isLettingGo) return 'being let go'
      await markConflict(reservations, run, ipam, { address, marker }, holder)
    }
    throw new IpbridgeError(
      'too_many_conflicts',
      `${mostConflicts} addresses that ${ipam.name} granted belong to other services; run \`ipbridge reconcile --connection ${ipam.name}\` and retry`,
    )
  }

  /** A licence names the address that it runs on and holds nothing in the IPAM. */
  async function bindNamed(run: AssignmentRun, ipam: Ipam): Promise<Bound | Unbound> {
    const address = run.assignment.requested as Address
    const reserved = await run.step(
      'record',
      () => reserve(run, ipam, address, undefined),
      r => r.outcome,
    )
    if (reserved.outcome === 'lost') throw new FenceLost(run.id)
    return reserved.outcome === 'revoked' ? 'revoked' : { address, ptr: undefined }
  }

  /** Step 2. */
  async function obtain(
    run: AssignmentRun,
    { driver, pools, forwardCheck }: Ipam,
    marker: Marker,
  ): Promise<IpamRecord> {
    const { family, slot, pool } = run.assignment
    const requested = run.assignment.address ?? run.assignment.requested
    const look = () =>
      run.step(
        'find',
        signal => driver.findByMarker(marker, signal),
        r => (r ? 'found' : 'nothing'),
      )
    const found = await look()
    if (run.payload.adopt && driver.claim && requested !== undefined) {
      const { settles, from } = run.payload
      const marks = settles ? await reservations.marksInConflict(settles.conflict) : []
      const owner = `${run.service.id} ${slot}`
      const claimed = {
        address: requested,
        marker,
        owner,
        from: from === undefined ? marks : [...marks, from],
      }
      await run.step('claim', signal => driver.claim?.(claimed, signal) ?? Promise.resolve())
      // The record is ours only now: it says what its server needs to know besides the address.
      return found ?? (await look()) ?? { address: requested, marker }
    }
    if (found) return found
    const limits = pool === undefined ? pools : [pool]
    // Where names must lead back to their addresses, the address has to be known first.
    const ptr = forwardCheck === 'off' ? ptrOf(run) : undefined
    return run.step('request', signal =>
      driver.request(
        {
          marker,
          family,
          owner: `${run.service.id} ${slot}`,
          ...(requested === undefined ? {} : { requested }),
          ...(limits === undefined ? {} : { pools: limits }),
          ...(ptr === undefined ? {} : { ptr }),
        },
        signal,
      ),
    )
  }

  /** Step 3. */
  function holderOf(run: AssignmentRun, ipam: Ipam, address: Address): Promise<Holder | undefined> {
    const { id, licence } = run.assignment
    return reservations.holderOf({ assignmentId: id, addressSpace: ipam.addressSpace, address, licence })
  }

  /** Step 4. */
  async function setPtr(run: AssignmentRun, ipam: Ipam, record: IpamRecord, marker: Marker) {
    const { driver } = ipam
    if (!driver.abilities.ptr) return undefined
    const ptr = await permitted(run, ipam, record.address)
    if (record.ptr === ptr)
      return run.step(
        'ptr',
        async () => ptr,
        () => 'found',
      )
    await run.step('ptr', signal => driver.setPtr({ address: record.address, marker }, ptr, signal))
    return ptr
  }

  /** The name that is wanted, unless DNS must confirm it and does not: the address is of use without a name, too. */
  async function permitted(run: AssignmentRun, { forwardCheck }: Ipam, address: Address) {
    const ptr = ptrOf(run)
    if (ptr === undefined || forwardCheck === 'off') return ptr
    const look = (signal: AbortSignal) => lookForward(ptr, address, signal)
    const verdict = await run.step('look where the name leads', look, said => said)
    return verdict === 'confirmed' || forwardCheck === 'warn' ? ptr : undefined
  }

  /** Step 5. */
  function reserve(run: AssignmentRun, ipam: Ipam, address: Address, ptr: string | undefined) {
    return reservations.reserve({
      operationId: run.id,
      epoch: run.epoch,
      assignmentId: run.assignment.id,
      addressSpace: ipam.addressSpace,
      address,
      connectionId: ipam.connectionId,
      ptr: ptr ?? null,
    })
  }

  /** Steps 6 and 7. When configuring fails, the next try finds the same address by its marker. */
  async function configureAndTell(run: AssignmentRun, ipam: Ipam, bound: Bound): Promise<Outcome> {
    const { service, assignment } = run
    const applied = assignment.held ? await configure(run, bound) : 'by others'
    return done({
      assignment: { state: 'active' },
      messages: [
        {
          type: 'address.assigned',
          data: {
            service: service.id,
            slot: assignment.slot,
            address: bound.address,
            ptr: bound.ptr ?? null,
            server: service.server,
            connection: ipam.name,
            applied,
            ...(bound.network === undefined ? {} : { network: bound.network }),
          },
        },
      ],
    })
  }

  /** Step 6. @returns when the server has it, or who sees to it */
  async function configure(run: AssignmentRun, { address, ptr, network }: Bound) {
    const { service, assignment } = run
    const panel = await panelOf(run)
    if (!panel.automatic) return 'by hand'
    const wanted = { address, ptr, main: isMainSlot(assignment.slot), ...(network ? { network } : {}) }
    const { guest, applied } = await run.step(
      'configure',
      signal => panel.configure(service, wanted, signal),
      result => (result.applied === 'now' ? 'done' : 'applied on reboot'),
    )
    if (guest !== service.guest) {
      const kept = await run.step('keep the guest', () => reservations.recordGuest(run, service, guest))
      if (!kept) throw new FenceLost(run.id)
    }
    return applied
  }
}

/** The name that was ordered, else the service's domain; '' was an order for none. */
function ptrOf({ assignment, service }: AssignmentRun): string | undefined {
  return assignment.ptrWish === '' ? undefined : (assignment.ptrWish ?? service.domain)
}

function isAllocation(run: Run): run is AssignmentRun {
  return run.service?.state === 'active' && run.assignment !== undefined
}

function notLive(run: Run): IpbridgeError {
  const which = run.service ? `service ${run.service.id} is ${run.service.state}` : 'the service is not known'
  return new IpbridgeError('service_not_live', `${which}: no \`service.created\` for it has arrived`)
}

function ofOtherFamily({ name }: Ipam, address: Address, family: Family): IpbridgeError {
  return new IpbridgeError(
    'ipam_refused',
    `${name} granted ${address} where an IPv${family} address was asked for; see to its pools, free that one there, and retry`,
  )
}

const heldOr = (otherwise: string) => (holder: Holder | undefined) =>
  holder ? `held by ${holder.serviceId}` : otherwise
