import type { Address } from '../../domain/address.ts'
import { IpbridgeError } from '../../errors.ts'
import type { Configured } from '../driver.ts'
import type { Api, Params } from './api.ts'
import { type Guest, nameOf, pathOf } from './guest.ts'
import type { IpFilter } from './ipfilter.ts'
import type { KindOfGuest } from './kind.ts'
import {
  addressesOf,
  holderOf,
  type Nic,
  place,
  type WantedAddress,
  withAddress,
  withoutAddress,
} from './nics.ts'
import { type Props, parseProps } from './props.ts'
import { isRunning } from './running.ts'
import { type Config, config } from './shapes.ts'

/** Where containers and virtual machines differ. */
export interface NicRules {
  /** What an interface's addresses are, given all of the configuration. */
  addressingOf(known: Config, index: number): Props
  /** The parameters that give an interface that is there other addresses. */
  changed(nic: Nic, addressing: Props): { set: Params; drop: string[] }
  /** A further interface like the one that is there (undefined: the first), with this addressing. */
  added(
    index: number,
    like: Nic | undefined,
    guest: Guest,
  ): { hardware: Props; addressing: Props; set(addressing: Props): Params }
  /** The keys of an interface. */
  keysOf(index: number): string[]
  /** Refuses a guest that could never get an address this way. */
  accepts(guest: Guest, known: Config): void
  /** Whether a running guest has a change at once; else at its next start. */
  immediate: boolean
  /** What the guest has on its interfaces at this moment; undefined where that cannot be asked. */
  live(guest: Guest, signal: AbortSignal): Promise<Address[] | undefined>
  /** Brings up to date what is made out of the configuration. */
  settle?(guest: Guest, known: Config, signal: AbortSignal): Promise<void>
}

interface State {
  known: Config
  nics: Nic[]
  /** The indexes that are in use. */
  taken: Set<number>
}

export interface NicGuestOptions {
  api: Api
  rules: NicRules
  /** undefined: the anti-spoofing sets are somebody else's business */
  ipfilter: IpFilter | undefined
  /** The N of the interface that services get their main address on. */
  primary: number
}

/** Guests whose interfaces hold one address of each family: containers (LXC) and virtual machines with cloud-init. */
export function nicGuests({ api, rules, ipfilter, primary }: NicGuestOptions): KindOfGuest {
  async function read(guest: Guest, signal: AbortSignal): Promise<State> {
    const known = await api.get(config, [...pathOf(guest), 'config'], signal)
    const indexes = (form: RegExp) =>
      Object.keys(known)
        .flatMap(key => form.exec(key)?.[1] ?? [])
        .map(Number)
    const nics = indexes(/^net(\d+)$/).map(index => ({
      index,
      hardware: parseProps(String(known[`net${index}`])),
      addressing: rules.addressingOf(known, index),
    }))
    nics.sort((a, b) => a.index - b.index)
    return { known, nics, taken: new Set(indexes(/^(?:net|ipconfig)(\d+)$/)) }
  }

  async function write(guest: Guest, { known }: State, set: Params, drop: string[], signal: AbortSignal) {
    const params = {
      ...set,
      ...(drop.length === 0 ? {} : { delete: drop.join(',') }),
      ...(known.digest === undefined ? {} : { digest: known.digest }),
    }
    await api.change('PUT', [...pathOf(guest), 'config'], params, signal)
    return read(guest, signal)
  }

  /** Adds the address to an interface, or with an interface. @returns the state as it was read back */
  async function add(
    guest: Guest,
    state: State,
    wanted: WantedAddress,
    inherited: Address[],
    signal: AbortSignal,
  ) {
    const { address } = wanted
    const { nics, taken } = state
    const chosen = place(nics, address, { primary, taken, inherited })
    if (chosen === undefined) {
      const why = `${nameOf(guest)} has no room for ${address}: ${taken.size} interfaces are in use`
      throw new IpbridgeError('panel_refused', `${api.whom}: ${why}`)
    }
    const { index, nic } = chosen
    const like = nics.find(each => each.index === primary)
    const added = nic ? undefined : rules.added(index, like, guest)
    const addressing = withAddress(nic?.addressing ?? added?.addressing ?? new Map(), wanted, nics)
    await ipfilter?.allow(guest, index, addressesOf({ addressing }), signal)
    const { set, drop } = nic
      ? rules.changed(nic, addressing)
      : { set: added?.set(addressing) ?? {}, drop: [] }
    const after = await write(guest, state, set, drop, signal)
    if (holderOf(after.nics, address)) return after
    throw notThere(guest, address, 'its configuration')
  }

  /** Whether the guest has it by now. @returns `missing` where a running guest should, but does not */
  async function appliedTo(
    guest: Guest,
    address: Address,
    signal: AbortSignal,
  ): Promise<Configured['applied'] | 'missing'> {
    const live = (await isRunning(api, guest, signal)) ? await rules.live(guest, signal) : []
    if (live === undefined) return rules.immediate ? 'now' : 'on reboot'
    if (live.includes(address)) return 'now'
    return rules.immediate && (await isRunning(api, guest, signal)) ? 'missing' : 'on reboot'
  }

  /** What the configuration has already is not tried again by the panel; so it is taken out and put in once more. */
  async function reapply(
    guest: Guest,
    state: State,
    nic: Nic,
    address: Address,
    signal: AbortSignal,
  ): Promise<void> {
    const bare = rules.changed(nic, withoutAddress(nic.addressing, address))
    const without = await write(guest, state, bare.set, bare.drop, signal)
    const whole = rules.changed(nic, nic.addressing)
    await write(guest, without, whole.set, whole.drop, signal)
  }

  function notThere(guest: Guest, address: Address, where: string): IpbridgeError {
    const why = `says that it gave ${nameOf(guest)} the address ${address}, but that is not on ${where}`
    return new IpbridgeError('panel_unavailable', `${api.whom} ${why}`)
  }

  return {
    async look(guest, signal) {
      const { known, nics } = await read(guest, signal)
      const live = (await isRunning(api, guest, signal)) ? await rules.live(guest, signal) : []
      const addresses = [...new Set([...nics.flatMap(addressesOf), ...(live ?? [])])]
      return { addresses, notes: String(known['description'] ?? '') }
    },

    async give(guest, wanted, { inherited }, signal) {
      const { address } = wanted
      const state = await read(guest, signal)
      rules.accepts(guest, state.known)
      const holder = holderOf(state.nics, address)
      if (holder) await ipfilter?.allow(guest, holder.index, addressesOf(holder), signal)
      const written = holder ? state : await add(guest, state, wanted, inherited, signal)
      await rules.settle?.(guest, written.known, signal)
      const applied = await appliedTo(guest, address, signal)
      if (applied !== 'missing') return applied
      if (holder) {
        await reapply(guest, state, holder, address, signal)
        const again = await appliedTo(guest, address, signal)
        if (again !== 'missing') return again
      }
      throw notThere(
        guest,
        address,
        `its running interfaces, only in its configuration; the system log of ${guest.node} says why, and a restart of the guest mends it`,
      )
    },

    async take(guest, address, signal) {
      const state = await read(guest, signal)
      const holder = holderOf(state.nics, address)
      const after = holder ? await remove(guest, state, holder, address, signal) : state
      const kept = after.nics.map(nic => nic.index)
      await ipfilter?.forbid(guest, address, kept, signal)
      await rules.settle?.(guest, after.known, signal)
    },
  }

  async function remove(
    guest: Guest,
    state: State,
    nic: Nic,
    address: Address,
    signal: AbortSignal,
  ): Promise<State> {
    const addressing = withoutAddress(nic.addressing, address)
    // An interface that was added for addresses goes with the last of them.
    const isEmpty = nic.index !== primary && addressesOf({ addressing }).length === 0
    const { set, drop } = isEmpty
      ? { set: {}, drop: rules.keysOf(nic.index) }
      : rules.changed(nic, addressing)
    const existing = drop.filter(key => key in state.known)
    const after = await write(guest, state, set, existing, signal)
    if (holderOf(after.nics, address) === undefined) return after
    const why = `says that it took ${address} off ${nameOf(guest)}, but its configuration still has it`
    throw new IpbridgeError('panel_unavailable', `${api.whom} ${why}`)
  }
}
