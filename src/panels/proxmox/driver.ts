import type { OpenServer } from '../../db/registry.ts'
import type { Address } from '../../domain/address.ts'
import { IpbridgeError } from '../../errors.ts'
import { createHttpClient, type HttpOptions } from '../../http/client.ts'
import type { Configured, PanelAddress, PanelDriver, PanelGuest, PanelService } from '../driver.ts'
import { createApi } from './api.ts'
import { check } from './check.ts'
import { createCluster } from './cluster.ts'
import { isFault } from './fault.ts'
import { type Guest, type GuestKind, nameOf, vmidOf } from './guest.ts'
import { createIpFilter } from './ipfilter.ts'
import type { KindOfGuest, Seen } from './kind.ts'
import { lxcRules } from './lxc.ts'
import { nicGuests } from './nic-guests.ts'
import { serviceIn } from './notes.ts'
import { openvzGuests } from './openvz.ts'
import { baseOf, networkOf, readServer } from './options.ts'
import { qemuRules } from './qemu.ts'
import { isRunning } from './running.ts'
import { createMaker } from './set-up.ts'
import { createTasks } from './tasks.ts'

/** How often a job begins anew because the guest moved, or was changed by somebody else, under its hands. */
const mostLooks = 4

/** A backup takes its time: tries are spread over the better part of an hour. */
const backupMs = 5 * 60_000

/** How many guests are looked at at once when all of them are listed. */
const atOnce = 8

/** What only tests change. */
export interface ProxmoxPace {
  /** Between the first two looks at a task, in milliseconds; default: 1000. */
  pollMs?: number
  http?: HttpOptions
}

/**
 * Proxmox VE: OpenVZ containers (versions 2 and 3), LXC containers and virtual machines (version 4 and later), on one
 * node or a cluster. Which of them a guest is, and on which node, is looked up for each job.
 * @throws invalid_configuration where the server's fields do not do
 */
export function proxmox(stored: OpenServer, pace: ProxmoxPace = {}): PanelDriver {
  const { url, login, password, tls, options } = readServer(stored)
  const whom = `Proxmox VE of server ${stored.name}`
  const http = createHttpClient({ url: baseOf(url), tls, whom, kind: 'Proxmox VE', side: 'panel' }, pace.http)
  const api = createApi(http, { login, password })
  const cluster = createCluster(api)
  const { bridge, vmids, setup: defaults } = options
  const tasks = createTasks(api, { deadlineMs: options.taskMinutes * 60_000, pollMs: pace.pollMs ?? 1_000 })
  const maker = createMaker({ api, cluster, tasks, defaults, vmids, bridge })
  const primary = Number(options.interface.slice('net'.length))
  const ipfilter = options.ipfilter ? createIpFilter(api) : undefined
  const agent = options.guestAgent
  const kinds: Record<GuestKind, KindOfGuest> = {
    openvz: openvzGuests(api),
    lxc: nicGuests({ api, rules: lxcRules({ api, bridge }), ipfilter, primary }),
    qemu: nicGuests({ api, rules: qemuRules({ api, bridge, agent }), ipfilter, primary }),
  }

  /** The guest of a service where it is now; undefined where there is none. */
  function find(service: PanelService, signal: AbortSignal): Promise<Guest | undefined> {
    const { guest } = service
    return guest === undefined ? maker.find(service, signal) : cluster.find(vmidOf(service, guest), signal)
  }

  /** Does a job on a guest; where that moved or was changed meanwhile, begins it again with a fresh look. */
  async function onGuest<T>(
    look: () => Promise<Guest | undefined>,
    work: (guest: Guest) => Promise<T>,
  ): Promise<T | undefined> {
    for (let looks = 1; ; looks++) {
      const guest = await look()
      if (guest === undefined) return undefined
      try {
        return await work(guest)
      } catch (error) {
        if (looks === mostLooks || !isFault(error, 'gone', 'stale')) throw error
      }
    }
  }

  async function change<T>(guest: Guest, work: (kind: KindOfGuest) => Promise<T>): Promise<T> {
    if (guest.lock !== undefined) {
      const slow = guest.lock === 'backup' ? { retryAfterMs: backupMs } : {}
      throw new IpbridgeError(
        'panel_unavailable',
        `${whom}: ${nameOf(guest)} is locked (${guest.lock})`,
        slow,
      )
    }
    return work(kinds[guest.kind])
  }

  async function addTo(service: PanelService & { guest: string }, wanted: PanelAddress, signal: AbortSignal) {
    const network = networkOf(wanted, options, whom)
    const applied = await onGuest(
      () => find(service, signal),
      guest =>
        change(guest, kind =>
          kind.give(guest, { address: wanted.address, network }, { inherited: [] }, signal),
        ),
    )
    if (applied) return { guest: service.guest, applied }
    throw new IpbridgeError(
      'panel_refused',
      `${whom} has no guest ${service.guest}, which service ${service.id} names`,
    )
  }

  async function setUp(
    service: PanelService,
    wanted: PanelAddress,
    signal: AbortSignal,
  ): Promise<Configured> {
    const network = networkOf(wanted, options, whom)
    const inherited = await maker.inherited(service, signal)
    const made = await onGuest(
      () => maker.findOrMake(service, signal),
      async guest => {
        const { address } = wanted
        const applied = await change(guest, kind =>
          kind.give(guest, { address, network }, { inherited }, signal),
        )
        const started = !(await isRunning(api, guest, signal)) && (await maker.start(service, guest, signal))
        return { guest: String(guest.vmid), applied: started ? ('now' as const) : applied }
      },
    )
    if (made) return made
    throw new IpbridgeError(
      'panel_unavailable',
      `${whom}: the guest of service ${service.id} vanished while it was set up`,
    )
  }

  function look(guest: Guest, signal: AbortSignal): Promise<Seen> {
    return kinds[guest.kind].look(guest, signal)
  }

  /** One entry of the list of guests; undefined where the guest has gone since. */
  async function entryOf(known: Guest, signal: AbortSignal): Promise<PanelGuest | undefined> {
    let found: Guest | undefined = known
    const seen = await onGuest(
      async () => {
        const guest = found
        found = undefined
        return guest ?? cluster.find(known.vmid, signal)
      },
      guest => look(guest, signal),
    )
    if (seen === undefined) return undefined
    const service = serviceIn(seen.notes)
    return {
      guest: String(known.vmid),
      addresses: seen.addresses,
      ...(service === undefined ? {} : { service }),
    }
  }

  return {
    name: 'proxmox',
    automatic: true,
    setsUp: true,

    async configure(service, wanted, signal) {
      signal.throwIfAborted()
      const { guest } = service
      return guest === undefined
        ? setUp(service, wanted, signal)
        : addTo({ ...service, guest }, wanted, signal)
    },

    async unassign(service, address: Address, signal) {
      signal.throwIfAborted()
      await onGuest(
        () => find(service, signal),
        guest => change(guest, kind => kind.take(guest, address, signal)),
      )
    },

    async addresses(service, signal) {
      signal.throwIfAborted()
      const seen = await onGuest(
        () => find(service, signal),
        guest => look(guest, signal),
      )
      return seen?.addresses
    },

    async *guests(signal) {
      signal.throwIfAborted()
      const known = (await cluster.list(signal)).filter(({ template }) => !template)
      for (let start = 0; start < known.length; start += atOnce) {
        const part = known.slice(start, start + atOnce)
        const entries = await Promise.all(part.map(guest => entryOf(guest, signal)))
        yield* entries.filter(entry => entry !== undefined)
      }
    },

    check: signal => check(api, tls, signal),
  }
}
