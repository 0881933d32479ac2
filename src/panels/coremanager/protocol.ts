import type { CoreManager, Params } from '../../coremanager/client.ts'
import { PanelFault, saysGone } from '../../coremanager/fault.ts'
import { type Address, familyOf } from '../../domain/address.ts'
import type { Hostname } from '../../domain/hostname.ts'
import { IpbridgeError } from '../../errors.ts'
import { trustsAnybody } from '../../http/tls.ts'
import type { PanelAddress, PanelService } from '../driver.ts'
import { guestName } from '../guest-name.ts'
import type { PanelProtocol } from '../protocol.ts'
import { asParams, setupOf, withoutSetupSecrets } from '../setup.ts'
import { type AddressRow, addressOf, type GuestRow, guestOf } from './rows.ts'
import type { Settings } from './settings.ts'

/** Rows of a list that are asked for at once. */
const pageSize = 1_000

/** What is no business of billing's when it passes parameters through: they say who asks, and for what. */
const reserved = ['func', 'out', 'lang', 'sok', 'elid', 'plid', 'su', 'auth', 'authinfo', 'clicked_button']

/** The interface that VMmanager 5, VDSmanager 4 and DCImanager 5 share (facts: ISPsystem docs, section 5). */
export function coreManagerProtocol(
  panel: string,
  { options, tls, making }: Settings,
  core: CoreManager,
): PanelProtocol<GuestRow, AddressRow> {
  const { wire } = options
  const { whom } = core.http.target
  const noPtr = options.noPtr

  async function* allGuests(signal: AbortSignal): AsyncGenerator<GuestRow> {
    for await (const page of core.pages(wire.guests, {}, { size: pageSize, key: wire.id }, signal)) {
      for (const row of page) {
        const guest = guestOf(row, wire)
        if (guest) yield guest
      }
    }
  }

  async function search(
    is: (guest: GuestRow) => boolean,
    signal: AbortSignal,
  ): Promise<GuestRow | undefined> {
    for await (const guest of allGuests(signal)) if (is(guest)) return guest
    return undefined
  }

  async function rows({ element }: GuestRow, signal: AbortSignal): Promise<AddressRow[]> {
    const found: AddressRow[] = []
    const paging = { size: pageSize, key: wire.row }
    for await (const page of core.pages(wire.addresses, { elid: element }, paging, signal)) {
      for (const row of page) {
        const address = addressOf(row, wire, { noPtr, whom })
        if (address) found.push(address)
      }
    }
    return found
  }

  /** The parameters that name an address. */
  function naming(address: Address): Params {
    return {
      [wire.ip]: address,
      ...(wire.family === '' ? {} : { [wire.family]: `ipv${familyOf(address)}` }),
      ...(wire.group === '' ? {} : { [wire.group]: options.group }),
    }
  }

  const ptrParam = (name: string, ptr: Hostname | undefined): Params =>
    !options.ptr || ptr === undefined || name === '' ? {} : { [name]: ptr }

  const nameFor = (service: PanelService): string | undefined => making && guestName(making.name, service)

  async function make(service: PanelService, { address, ptr }: PanelAddress, signal: AbortSignal) {
    const name = nameFor(service) ?? ''
    const ours = [...reserved, wire.name, wire.ip, wire.family, wire.group, wire.domain].filter(Boolean)
    const setup = asParams(setupOf(service, making?.setup ?? {}, ours, whom), whom)
    const password = setup[wire.password]
    const params = {
      ...(password === undefined ? {} : { confirm: password }),
      ...setup,
      ...naming(address),
      ...ptrParam(wire.domain, ptr),
      [wire.name]: name,
    }
    try {
      await core.change(wire.guest, params, signal)
    } catch (error) {
      throw withoutSetupSecrets(error, setup)
    }
  }

  return {
    name: panel,
    whom,
    keepsPtrs: options.ptr,
    patienceMs: options.patienceSeconds * 1000,

    async find(service, signal) {
      const { guest } = service
      if (guest === undefined) {
        const name = nameFor(service)
        return name === undefined ? undefined : search(one => one.name === name, signal)
      }
      // A comma would make several elements of it.
      if (/[,\s]/.test(guest)) return undefined
      // Where other functions take something else than the id, only the list says what.
      if (wire.element !== wire.id) return search(one => one.id === guest || one.element === guest, signal)
      try {
        await core.read(wire.guest, { elid: guest }, signal)
        return { id: guest, element: guest, name: '' }
      } catch (error) {
        if (error instanceof PanelFault && saysGone(error.fault, wire.id)) return undefined
        throw error
      }
    },

    rows,
    ...(making ? { make } : {}),

    async add({ id, element }, { address, ptr }, signal) {
      const params = { plid: element, ...naming(address), ...ptrParam(wire.ptr, ptr) }
      try {
        await core.change(wire.address, params, signal)
      } catch (error) {
        if (!(error instanceof PanelFault) || error.fault.type !== 'exists') throw error
        const why = `${address} is at another guest than ${id}: take it off there`
        throw new IpbridgeError('still_in_use', `${whom}: ${why} (${error.message})`)
      }
    },

    async remove({ element }, { key }, signal) {
      await core.change(wire.removal, { plid: element, elid: key }, signal)
    },

    async rename({ element }, { key }, ptr, signal) {
      await core.change(wire.address, { plid: element, elid: key, [wire.ptr]: ptr ?? noPtr }, signal)
    },

    async *guests(signal) {
      for await (const guest of allGuests(signal)) {
        yield { guest: guest.id, addresses: (await rows(guest, signal)).map(row => row.address) }
      }
    },

    async inspect(signal) {
      const { level } = await core.enter(signal)
      let count = 0
      for await (const _ of allGuests(signal)) count++
      const remarks = [`${core.login} sees ${count} ${count === 1 ? 'guest' : 'guests'}`]
      if (level !== undefined && level < 29) {
        remarks.push(`${core.login} is no administrator there: it sees and changes its own guests only`)
      }
      if (trustsAnybody(tls)) remarks.push('its certificate is not checked (tls.verify is false)')
      return { remarks }
    },
  }
}
