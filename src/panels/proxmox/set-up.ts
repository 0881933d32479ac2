import { createHash } from 'node:crypto'
import type { Address } from '../../domain/address.ts'
import { IpbridgeError } from '../../errors.ts'
import type { PanelService } from '../driver.ts'
import type { Api, Params } from './api.ts'
import type { Cluster } from './cluster.ts'
import { type Guest, type GuestKind, nameOf, pathOf } from './guest.ts'
import { addressesOf } from './nics.ts'
import { isUnfinished, notesFor, serviceIn } from './notes.ts'
import { parseProps } from './props.ts'
import { parseSetUp, type SetUp, vmidIn } from './set-up-parameters.ts'
import { config } from './shapes.ts'
import type { Tasks } from './tasks.ts'

export type Maker = ReturnType<typeof createMaker>

export interface MakerOptions {
  api: Api
  cluster: Cluster
  tasks: Tasks
  /** What is set up unless the event says otherwise. */
  defaults: Record<string, unknown>
  /** The first and the last number that new guests get. */
  vmids: readonly [number, number]
  bridge: string | undefined
}

/** How many numbers are tried, from the one that follows from the service's id. */
const mostSteps = 1_000

/**
 * Makes guests for services, one each. The number of a guest follows from the id of its service, and Proxmox VE gives
 * no number twice: so what an earlier try made, or is still making, is met again, whoever heard of it.
 */
export function createMaker({ api, cluster, tasks, defaults, vmids, bridge }: MakerOptions) {
  const parse = (service: PanelService) => parseSetUp(service, { ...defaults, ...service.setup }, api.whom)

  /** The guest that was made for a service, or else the number that one would get; undefined where none is left. */
  async function look(service: PanelService, signal: AbortSignal): Promise<Guest | number | undefined> {
    const guests = await cluster.list(signal)
    for (const vmid of candidates(service)) {
      const guest = guests.find(each => each.vmid === vmid) ?? (await cluster.lookAgain(vmid, signal))
      if (guest === undefined) return vmid
      if (guest.lock === 'create' || guest.lock === 'clone' || guest.lock === 'disk') {
        const why = `${nameOf(guest)} is still being made, so it cannot be told for which service`
        throw new IpbridgeError('panel_unavailable', `${api.whom}: ${why}`)
      }
      const known = await api.get(config, [...pathOf(guest), 'config'], signal)
      if (serviceIn(String(known['description'] ?? '')) === service.id) return guest
    }
    return undefined
  }

  function* candidates(service: PanelService): Generator<number> {
    const named = vmidIn(service.setup)
    if (named !== undefined) return yield named
    const [first, last] = vmids
    const size = last - first + 1
    const begin = createHash('sha256').update(service.id).digest().readUInt32BE() % size
    for (let step = 0; step < Math.min(size, mostSteps); step++) yield first + ((begin + step) % size)
  }

  async function make(service: PanelService, vmid: number, signal: AbortSignal): Promise<Guest> {
    const wanted = parse(service)
    const what = `making guest ${vmid} for service ${service.id}`
    const task =
      wanted.clone === undefined
        ? await create(service, wanted, vmid, signal)
        : await clone(service, wanted, wanted.clone, vmid, signal)
    await tasks.finish(task, what, signal)
    const guest = await cluster.find(vmid, signal)
    if (guest) return finish(service, guest, signal)
    throw new IpbridgeError(
      'panel_unavailable',
      `${api.whom} says that ${what} is done, but there is no such guest`,
    )
  }

  async function create(
    service: PanelService,
    { kind, node, parameters }: SetUp,
    vmid: number,
    signal: AbortSignal,
  ) {
    if (node === undefined || kind === undefined) {
      const why = `service ${service.id} names no guest, and its setup does not say how to make one: it needs clone (the number of a template), or kind and node`
      throw new IpbridgeError('panel_refused', `${api.whom}: ${why}`)
    }
    const plug: Params =
      bridge === undefined || kind === 'openvz' ? {} : { net0: firstInterface(kind, bridge) }
    const description = notesFor(service, parameters['description'])
    const params = { ...plug, ...named(service, kind), ...parameters, description, vmid: String(vmid) }
    return api.change('POST', ['nodes', node, kind], params, signal)
  }

  async function clone(
    service: PanelService,
    { node, parameters }: SetUp,
    template: number,
    vmid: number,
    signal: AbortSignal,
  ) {
    const from = await cluster.find(template, signal)
    if (from === undefined || from.kind === 'openvz') {
      const why = `service ${service.id} is to be a clone of ${template}, but there is no such guest or template`
      throw new IpbridgeError('panel_refused', `${api.whom}: ${why}`)
    }
    const target: Params = node === undefined || node === from.node ? {} : { target: node }
    const { now, later } = ofClone({ ...named(service, from.kind), ...parameters })
    const unfinished = Object.keys(later).length > 0
    const description = notesFor(service, parameters['description'], { unfinished })
    const params = { ...target, ...now, description, newid: String(vmid) }
    return api.change('POST', [...pathOf(from), 'clone'], params, signal)
  }

  /** What a clone cannot be told when it is made; its notes say in the same step that this is done. */
  async function finish(service: PanelService, guest: Guest, signal: AbortSignal): Promise<Guest> {
    const known = await api.get(config, [...pathOf(guest), 'config'], signal)
    if (!isUnfinished(String(known['description'] ?? ''))) return guest
    const { parameters } = parse(service)
    const params = { ...ofClone(parameters).later, description: notesFor(service, parameters['description']) }
    await api.change('PUT', [...pathOf(guest), 'config'], params, signal)
    const after = await api.get(config, [...pathOf(guest), 'config'], signal)
    if (!isUnfinished(String(after['description'] ?? ''))) return guest
    const why = `says that it configured ${nameOf(guest)}, but the guest is as it was`
    throw new IpbridgeError('panel_unavailable', `${api.whom} ${why}`)
  }

  return {
    /** The guest that was made for a service; undefined where there is none. */
    async find(service: PanelService, signal: AbortSignal): Promise<Guest | undefined> {
      const found = await look(service, signal)
      return typeof found === 'number' ? undefined : found
    },

    /** The guest of a service; it is made where there is none. */
    async findOrMake(service: PanelService, signal: AbortSignal): Promise<Guest> {
      parse(service)
      const found = await look(service, signal)
      if (typeof found === 'number') return make(service, found, signal)
      if (found) return finish(service, found, signal)
      const why = `others have the numbers that the guest of service ${service.id} could get (${vmidIn(service.setup) ?? vmids.join(' to ')})`
      throw new IpbridgeError('panel_refused', `${api.whom}: ${why}`)
    },

    /** What a new guest brings along on its interfaces: nobody meant it to have that. */
    async inherited(service: PanelService, signal: AbortSignal): Promise<Address[]> {
      const { clone: template, parameters } = parse(service)
      const from = template === undefined ? undefined : await cluster.find(template, signal)
      const known = from ? await api.get(config, [...pathOf(from), 'config'], signal) : parameters
      const texts = Object.entries(known).filter(([key]) => /^(net|ipconfig)\d+$/.test(key))
      return texts.flatMap(([, text]) => addressesOf({ addressing: parseProps(String(text)) }))
    },

    /** Starts a guest that was made, unless its service wants it to stay off. */
    async start(service: PanelService, guest: Guest, signal: AbortSignal): Promise<boolean> {
      if (!parse(service).start) return false
      const task = await api.change('POST', [...pathOf(guest), 'status', 'start'], {}, signal)
      await tasks.finish(task, `starting ${nameOf(guest)}`, signal)
      return true
    },
  }
}

/** The guest's name is the service's domain. */
function named({ domain }: PanelService, kind: GuestKind): Params {
  return kind === 'qemu' ? { name: domain } : { hostname: domain }
}

const cloneTakes = new Set(['name', 'hostname', 'pool', 'snapname', 'storage', 'format', 'full', 'bwlimit'])

/** Which parameters a clone is made with, and which go into its configuration then. */
function ofClone({ description: _, ...parameters }: Params): { now: Params; later: Params } {
  const entries = Object.entries(parameters)
  return {
    now: Object.fromEntries(entries.filter(([name]) => cloneTakes.has(name))),
    later: Object.fromEntries(entries.filter(([name]) => !cloneTakes.has(name))),
  }
}

function firstInterface(kind: GuestKind, bridge: string): string {
  return kind === 'qemu'
    ? `virtio,bridge=${bridge},firewall=1`
    : `name=eth0,bridge=${bridge},firewall=1,type=veth`
}
