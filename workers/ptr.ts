import type { Address } from '../src/domain/address.ts'
import { type Marker, markerOf } from '../src/domain/marker.ts'
import { done, type Outcome, superseded, waiting } from '../src/domain/outcome.ts'
import { isLater, sameStamp } from '../src/domain/stamp.ts'
import { isEntitled } from '../src/domain/states.ts'
import { FenceLost, IpbridgeError } from '../src/errors.ts'
import type { Ipam, Ports } from '../src/queue/ports.ts'
import type { Processor, Run } from '../src/queue/run.ts'

/** How long a PTR change waits for the address that it names to be assigned to its service. */
const patienceMs = 24 * 3_600_000

interface Target {
  address: Address
  marker: Marker
  held: boolean
  /** undefined: no PTR */
  ptr: string | undefined
}

/**
 * Changes the PTR of an address (by billing, a client or an operator): claim, write it, read it back, record.
 * The name was validated when the change came in. The latest change wins; an older one that arrives late
 * ends as superseded.
 */
export function ptr({ reservations, ipamOf, panelOf, lookForward }: Ports): Processor {
  return async run => {
    const target = run.assignment ? targetOfAssignment(run) : await findTarget(run)
    if ('state' in target) return target
    const ipam = await ipamOf(run)
    await confirm(run, ipam, target)
    await write(run, ipam, target)
    return done({
      assignment: { ptr: target.ptr ?? null },
      messages: [
        {
          type: 'ptr.updated',
          data: { service: run.service?.id, address: target.address, ptr: target.ptr ?? null },
        },
      ],
    })
  }

  /** The change was tied to its assignment when it came in, and the ledger has the name since. */
  function targetOfAssignment(run: Run): Target | Outcome {
    const { assignment, service } = run
    if (assignment === undefined || !isEntitled(assignment.state)) return superseded()
    if (run.stamp !== undefined && !sameStamp(assignment.ptrStamp, run.stamp)) return superseded()
    // An allocation that is still to come sets the name itself.
    if (assignment.address === undefined) return done()
    const name = assignment.ptrWish ?? service?.domain
    return {
      address: assignment.address,
      marker: markerOf(assignment),
      held: assignment.held,
      ptr: name === '' ? undefined : name,
    }
  }

  /** The change came before its address was assigned, or did not say to which service it belongs. */
  async function findTarget(run: Run): Promise<Target | Outcome> {
    const { address, ptr } = run.payload
    if (address === undefined || run.stamp === undefined) throw notAssigned(run)
    for (;;) {
      const found = await run.step(
        'find',
        () => reservations.liveAt(address, run.service?.id),
        r => (r ? 'found' : 'nothing'),
      )
      if (found === undefined) return notYet(run, address)
      if (isLater(found.ptrStamp ?? undefined, run.stamp)) return superseded()
      const wish = await reservations.wishPtr(run, found, ptr ?? '', run.stamp)
      if (wish === 'lost') throw new FenceLost(run.id)
      if (wish === 'written') {
        return { address, marker: markerOf(found), held: found.held, ptr: ptr ?? undefined }
      }
      // Another change came in between: it may be the later one.
    }
  }

  /** Waits for the address, unless it cannot come any more, or came and went. */
  async function notYet(run: Run, address: Address): Promise<Outcome> {
    const left = run.createdAt.getTime() + patienceMs - run.begun.getTime()
    const { service } = run
    if (service === undefined || service.state === 'deleted' || left <= 0) throw notAssigned(run)
    const isGone = await run.step(
      'look whether it was given back',
      () => reservations.hasGivenBack(address, service.id),
      gone => (gone ? 'given back' : 'not yet assigned'),
    )
    if (isGone) throw notAssigned(run, 'any more')
    return waiting(left, { code: 'address_not_assigned', message: notAssigned(run).message })
  }

  /** Where the connection wants it, the name must lead back to the address. */
  async function confirm(run: Run, { forwardCheck }: Ipam, { address, ptr }: Target): Promise<void> {
    if (ptr === undefined || forwardCheck === 'off') return
    const look = (signal: AbortSignal) => lookForward(ptr, address, signal)
    const verdict = await run.step('look where the name leads', look, said => said)
    if (verdict === 'confirmed' || forwardCheck === 'warn') return
    throw verdict === 'no answer'
      ? new IpbridgeError('dns_unavailable', `no name server answers whether ${ptr} leads to ${address}`)
      : new IpbridgeError(
          'ptr_not_confirmed',
          `${ptr} does not lead to ${address}; point it there in DNS first, then retry the operation`,
        )
  }

  async function write(run: Run, ipam: Ipam, { address, marker, held, ptr }: Target): Promise<void> {
    if (!held) {
      throw new IpbridgeError(
        'record_not_ours',
        `service ${run.service?.id} is a licence that names ${address}; change the PTR on the service that has the address`,
      )
    }
    const panel = await panelOf(run)
    const { service } = run
    if (!ipam.driver.abilities.ptr && !panel.setPtr) {
      throw new IpbridgeError('ipam_refused', `neither ${ipam.name} nor the service's server keeps PTRs`)
    }
    if (panel.setPtr && service) {
      await run.step('write on the server', async signal => panel.setPtr?.(service, address, ptr, signal))
    }
    if (!ipam.driver.abilities.ptr) return
    await run.step('write', signal => ipam.driver.setPtr({ address, marker }, ptr, signal))
    await run.step('read back', async signal => {
      const record = await ipam.driver.read(address, signal)
      if (record?.ptr !== ptr) {
        throw new IpbridgeError(
          'ipam_unavailable',
          `${ipam.name} shows the PTR ${record?.ptr ?? '(none)'} for ${address}`,
        )
      }
    })
  }
}

function notAssigned(run: Run, more = ''): IpbridgeError {
  const whom = run.service ? `service ${run.service.id}` : 'any service'
  const message = `${run.payload.address} is not assigned to ${whom} ${more}`.trimEnd()
  return new IpbridgeError('address_not_assigned', message)
}
