import { setTimeout as sleep } from 'node:timers/promises'
import { type Address, familyOf } from '../domain/address.ts'
import type { Hostname } from '../domain/hostname.ts'
import { IpbridgeError } from '../errors.ts'
import type { PanelAddress, PanelDriver, PanelService } from './driver.ts'
import type { PanelProtocol, PanelRow } from './protocol.ts'

/** How long to wait between two looks at a change that is not seen yet: at first, and at the most. */
const pauseMs = { first: 50, most: 2_000 }

interface Seen<G, R> {
  guest: G
  rows: R[]
}

type Test<G, R> = (seen: Seen<G, R> | undefined) => boolean

/**
 * Makes a driver of a panel's interface: every call looks first, does only what is missing, and looks again, since
 * a panel that says it has done something has not shown it yet. So every call may be repeated.
 */
export function verified<G extends { id: string }, R extends PanelRow>(
  protocol: PanelProtocol<G, R>,
): PanelDriver {
  const { whom, keepsPtrs } = protocol

  /**
   * What a service's guest has; undefined where there is none, or where it went away while we looked. It may also go by
   * another name since it was found: a panel may call it by its main address, which an earlier try has just taken off.
   */
  async function look(service: PanelService, signal: AbortSignal): Promise<Seen<G, R> | undefined> {
    const guest = await protocol.find(service, signal)
    if (guest === undefined) return undefined
    try {
      return { guest, rows: await protocol.rows(guest, signal) }
    } catch (error) {
      if (!isRefusal(error)) throw error
      const again = await protocol.find(service, signal)
      return again && { guest: again, rows: await protocol.rows(again, signal) }
    }
  }

  /** Looks until it is so, as long as a change may take to be seen. @returns whether it is */
  async function becomes(service: PanelService, isSo: Test<G, R>, signal: AbortSignal): Promise<boolean> {
    if (isSo(await look(service, signal))) return true
    // From here on, so that a look which takes long is not the only one.
    const end = performance.now() + protocol.patienceMs
    for (let pause = pauseMs.first; ; pause *= 2) {
      const left = end - performance.now()
      if (left <= 0) return false
      const next = Math.min(pause, left, pauseMs.most)
      await sleep(next, undefined, { signal }).catch(() => signal.throwIfAborted())
      if (isSo(await look(service, signal))) return true
    }
  }

  /** @throws panel_unavailable where it does not become so */
  async function confirm(service: PanelService, isSo: Test<G, R>, why: string, signal: AbortSignal) {
    if (await becomes(service, isSo, signal)) return
    throw new IpbridgeError('panel_unavailable', `${whom}: ${why}`)
  }

  async function setUp(service: PanelService, wanted: PanelAddress, signal: AbortSignal) {
    const { id, guest } = service
    if (guest !== undefined) {
      throw new IpbridgeError(
        'panel_refused',
        `${whom}: there is no guest ${guest}, which service ${id} names`,
      )
    }
    if (protocol.make === undefined) {
      const why = `service ${id} names no guest, and none is made here; billing must send service.guest`
      throw new IpbridgeError('panel_refused', `${whom}: ${why}`)
    }
    await protocol.make(service, wanted, signal)
    const why = `it says that it made the guest of service ${id} with ${wanted.address}, but does not show it`
    await confirm(service, seen => seen !== undefined, why, signal)
    const hasIt = await becomes(service, seen => rowOf(seen, wanted.address) !== undefined, signal)
    const made = await look(service, signal)
    if (made === undefined) throw new IpbridgeError('panel_unavailable', `${whom}: ${why}`)
    if (!hasIt) await dropChosen(made, wanted, signal)
    return made
  }

  /**
   * A panel that overlooked the address that we named has chosen one by itself, which nobody granted. Where there
   * are more of them, they are none that it chose in place of ours, and for people to look at.
   */
  async function dropChosen({ guest, rows }: Seen<G, R>, { address }: PanelAddress, signal: AbortSignal) {
    const [chosen, ...more] = rows.filter(row => familyOf(row.address) === familyOf(address))
    if (chosen && chosen.address !== address && more.length === 0)
      await protocol.remove(guest, chosen, signal)
  }

  async function add(guest: G, service: PanelService, wanted: PanelAddress, signal: AbortSignal) {
    try {
      await protocol.add(guest, wanted, signal)
    } catch (error) {
      // An earlier try, whose answer was lost, may still be at work, and is why this one could not be done.
      const hasIt: Test<G, R> = seen => rowOf(seen, wanted.address) !== undefined
      if (!wasNotDone(error) || !(await becomes(service, hasIt, signal))) throw error
    }
  }

  const isNamed = (row: R | undefined, ptr: Hostname | undefined): boolean =>
    row !== undefined && (!keepsPtrs || ptr === undefined || row.ptr === ptr)

  async function setPtr(
    service: PanelService,
    address: Address,
    ptr: Hostname | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    signal.throwIfAborted()
    const seen = await look(service, signal)
    const row = rowOf(seen, address)
    if (seen === undefined || row === undefined) {
      const why = `the guest of service ${service.id} does not have ${address}`
      throw new IpbridgeError('panel_refused', `${whom}: ${why}`)
    }
    if (row.ptr === ptr) return
    await protocol.rename(seen.guest, row, ptr, signal)
    const why = `it says that the PTR of ${address} is ${ptr ?? 'removed'} now, but shows another`
    await confirm(service, after => rowOf(after, address)?.ptr === ptr, why, signal)
  }

  return {
    name: protocol.name,
    automatic: true,
    setsUp: protocol.make !== undefined,

    async configure(service, wanted, signal) {
      signal.throwIfAborted()
      const { address, ptr } = wanted
      const { guest, rows } = (await look(service, signal)) ?? (await setUp(service, wanted, signal))
      const done = { guest: guest.id, applied: 'now' } as const
      const row = rowOf({ rows }, address)
      if (isNamed(row, ptr)) return done
      if (row === undefined) await add(guest, service, wanted, signal)
      const why = `it says that guest ${guest.id} has ${address}, but does not show it`
      await confirm(service, seen => rowOf(seen, address) !== undefined, why, signal)
      if (keepsPtrs && ptr !== undefined) await setPtr(service, address, ptr, signal)
      return done
    },

    async unassign(service, address, signal) {
      signal.throwIfAborted()
      const seen = await look(service, signal)
      const row = rowOf(seen, address)
      if (seen === undefined || row === undefined) return
      const { guest } = seen
      try {
        await protocol.remove(guest, row, signal)
      } catch (error) {
        if (!isRefusal(error)) throw error
        if (!rowOf(await look(service, signal), address)) return
        // Such as a main address, which goes with its guest: whether that is deleted is seen at the next try.
        const why = `${address} is still on guest ${guest.id}, because ${error.message}`
        throw new IpbridgeError('still_in_use', why)
      }
      const why = `it says that ${address} is no longer on guest ${guest.id}, but still shows it there`
      await confirm(service, after => rowOf(after, address) === undefined, why, signal)
    },

    async addresses(service, signal) {
      signal.throwIfAborted()
      return (await look(service, signal))?.rows.map(row => row.address)
    },

    ...(keepsPtrs ? { setPtr } : {}),

    guests: signal => protocol.guests(signal),

    async check(signal) {
      try {
        return { ok: true, ...(await protocol.inspect(signal)) }
      } catch (error) {
        if (!(error instanceof IpbridgeError)) throw error
        return { ok: false, remarks: [error.message] }
      }
    },
  }
}

function rowOf<R extends PanelRow>(seen: { rows: R[] } | undefined, address: Address): R | undefined {
  return seen?.rows.find(row => row.address === address)
}

/** Refused as it stands: nothing was done. Not what hangs on the account, which an administrator must mend. */
function isRefusal(error: unknown): error is IpbridgeError {
  return error instanceof IpbridgeError && (error.code === 'panel_refused' || error.code === 'still_in_use')
}

/** Refused, or taken and failed. */
function wasNotDone(error: unknown): boolean {
  return isRefusal(error) || (error instanceof IpbridgeError && error.code === 'panel_unavailable')
}
