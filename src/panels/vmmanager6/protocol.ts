import { type Address, familyOf } from '../../domain/address.ts'
import { IpbridgeError } from '../../errors.ts'
import { trustsAnybody } from '../../http/tls.ts'
import type { PanelAddress, PanelService } from '../driver.ts'
import { guestName } from '../guest-name.ts'
import type { PanelProtocol } from '../protocol.ts'
import { setupOf, withoutSetupSecrets } from '../setup.ts'
import { type Json, listOf } from './answer.ts'
import type { Vmmanager6 } from './client.ts'
import { type HostRow, hostOf, type IpRow, ipOf, markOf, serviceOf } from './rows.ts'
import type { Settings } from './settings.ts'
import type { Tasks } from './tasks.ts'
import type { Tokens } from './tokens.ts'

/** Said by us alone: an address of the panel's own choice would be one that nobody granted. */
const ours = ['ip_addr', 'ipv4_number', 'ipv4_pool', 'ipv6_enabled', 'ipv6_pool', 'custom_interfaces']

interface Parts {
  panel: Vmmanager6
  tokens: Tokens
  tasks: Tasks
  settings: Settings
}

/**
 * The interface of VMmanager 6, call by call. Its changes are tasks, and its answers do not hold the address (facts:
 * ISPsystem docs, VMmanager 6 API): so it is named in the request, the task is waited for, and the list is read.
 */
export function vmmanager6Protocol({ panel, tokens, tasks, settings }: Parts): PanelProtocol<HostRow, IpRow> {
  const { options, login, tls } = settings
  const { whom } = panel.target

  async function hosts(where: string | undefined, signal: AbortSignal): Promise<HostRow[]> {
    const rows = await panel.list('/vm/v3/host', where, signal)
    return rows.flatMap(row => hostOf(row, whom) ?? [])
  }

  const read = (row: Json) => ipOf(row, { noPtr: options.noPtr, whom })

  async function rows({ id, addresses }: HostRow, signal: AbortSignal): Promise<IpRow[]> {
    const v4 = await panel.list(`/vm/v3/host/${id}/ipv4`, undefined, signal)
    const v6 = await panel.get(`/vm/v3/host/${id}/ipv6`, signal)
    if (v6['list'] !== undefined) return [...v4, ...listOf(panel.target, v6, 'IPv6 addresses')].map(read)
    // Some versions tell there only whether there is IPv6 at all: the machine itself shows which addresses.
    const found = v4.map(read)
    for (const address of addresses) if (familyOf(address) === 6) found.push(await rowOf(address, signal))
    return found
  }

  async function rowOf(address: Address, signal: AbortSignal): Promise<IpRow> {
    const listed = await panel.list('/vm/v3/ip', `ip_addr EQ '${address}'`, signal)
    const row = listed.map(read).find(one => one.address === address)
    if (row) return row
    throw new IpbridgeError('panel_unavailable', `${whom}: a guest shows ${address}, but no list does`)
  }

  const named = (address: string) => ({ ip_addr: { ...options.address, name: address } })
  const makingOf = (service: PanelService) => `make ${service.id}`

  async function make(service: PanelService, { address, ptr }: PanelAddress, signal: AbortSignal) {
    const what = `making the guest of service ${service.id}`
    if (await tasks.resume(makingOf(service), what, signal)) return
    const setup = setupOf(service, options.setup, ours, whom)
    const comment = typeof setup['comment'] === 'string' ? `${setup['comment']} ` : ''
    const body = {
      name: guestName(options.name, service),
      domain: ptr ?? service.domain,
      ...setup,
      ...named(address),
      comment: `${comment}${markOf(service.id)}`,
    }
    try {
      const task = await panel.change('POST', '/vm/v3/host', body, signal)
      await tasks.follow(makingOf(service), task, what, signal)
    } catch (error) {
      throw withoutSetupSecrets(error, setup)
    }
  }

  async function change(
    key: string,
    request: ['POST' | 'DELETE', string, Record<string, unknown>?],
    signal: AbortSignal,
  ): Promise<void> {
    if (await tasks.resume(key, key, signal)) return
    const [method, path, body] = request
    await tasks.follow(key, await panel.change(method, path, body, signal), key, signal)
  }

  return {
    name: 'vmmanager6',
    whom,
    keepsPtrs: options.ptr,
    patienceMs: options.patienceSeconds * 1000,

    async find(service, signal) {
      const { guest, id } = service
      if (guest !== undefined) {
        // Only numbers are ids there, and only those go into a filter.
        if (!/^\d{1,18}$/.test(guest)) return undefined
        return (await hosts(`id EQ ${guest}`, signal)).find(host => host.id === guest)
      }
      const all = await hosts(undefined, signal)
      return all.find(({ comment }) => serviceOf(comment) === id)
    },

    rows,
    make,

    async add(host, { address }, signal) {
      // A guest that is still being made gets the address that it was made with.
      const maker = serviceOf(host.comment)
      if (maker !== undefined) {
        const resumed = await tasks.resume(`make ${maker}`, `making the guest of service ${maker}`, signal)
        if (resumed && (await rows(host, signal)).some(row => row.address === address)) return
      }
      const key = `giving ${address} to guest ${host.id}`
      await change(key, ['POST', `/vm/v3/host/${host.id}/ip`, named(address)], signal)
    },

    remove: (host, { id, address }, signal) =>
      change(`taking ${address} off guest ${host.id}`, ['DELETE', `/vm/v3/ip/${id}`], signal),

    async rename(host, { id, address }, ptr, signal) {
      const domain = ptr ?? options.noPtr
      const key = `naming ${address} of guest ${host.id} ${domain}`
      await change(key, ['POST', `/vm/v3/ip/${id}/ptr`, { domain }], signal)
    },

    async *guests(signal) {
      for (const { id, comment, addresses } of await hosts(undefined, signal)) {
        const service = serviceOf(comment)
        yield { guest: id, addresses, ...(service === undefined ? {} : { service }) }
      }
    },

    async inspect(signal) {
      await tokens.renew(signal)
      const { length } = await hosts(undefined, signal)
      const remarks = [`${login} sees ${length} ${length === 1 ? 'guest' : 'guests'}`]
      if (trustsAnybody(tls)) remarks.push('its certificate is not checked (tls.verify is false)')
      return { remarks }
    },
  }
}
