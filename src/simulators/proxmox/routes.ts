import type { Access } from './access.ts'
import { type Books, digestOf, type Kind, type SimulatedGuest } from './books.ts'
import { changeConfig, pendingOnDrive, rewriteDrive, start } from './config.ts'
import { addEntry, entriesOf, makeSet, removeEntry, removeSet } from './firewall.ts'
import { make } from './making.ts'
import { badParameter, die } from './refusal.ts'
import type { Tasks } from './tasks.ts'

export interface Cluster {
  books: Books
  tasks: Tasks
  access: Access
  /** `9.1.3` */
  version: string
}

export interface Call {
  params: Record<string, string>
  path: Record<string, string>
  user: string
}

type Route = (cluster: Cluster, call: Call) => unknown

/** Since which version a call is there, where that is not the first. */
const since: [RegExp, number][] = [
  [/^GET \/access\/permissions$/, 6],
  [/\/lxc\/.*\/interfaces$/, 7],
  [/\/cloudinit$/, 8],
  [/\/(lxc|qemu)\/.*\/firewall\//, 4],
]

export const majorOf = ({ version }: Pick<Cluster, 'version'>) => Number.parseInt(version, 10)

export interface Matched {
  /** `GET /nodes/{node}/lxc/{vmid}/config` */
  name: string
  template: string
  /** The parameters in the path; of a call about guests of a kind `KIND` too. */
  path: Record<string, string>
  route: Route
}

/** What is done for a call, if there is such a call in this version. */
export function match(method: string, path: string, cluster: Pick<Cluster, 'version'>): Matched | undefined {
  const given = path.split('/')
  for (const [name, route] of Object.entries(routes)) {
    const [verb, general = ''] = name.split(' ')
    const found = verb === method ? partsOf(general.split('/'), given) : undefined
    if (found === undefined) continue
    const template = general.replace('KIND', found['KIND'] ?? '')
    const isTooNew = since.some(
      ([form, first]) => form.test(`${method} ${template}`) && majorOf(cluster) < first,
    )
    return isTooNew ? undefined : { name: `${method} ${template}`, template, path: found, route }
  }
  return undefined
}

function partsOf(parts: string[], given: string[]): Record<string, string> | undefined {
  if (parts.length !== given.length) return undefined
  const found: Record<string, string> = {}
  for (const [index, part] of parts.entries()) {
    const text = given[index] ?? ''
    if (part === 'KIND' && /^(lxc|qemu|openvz)$/.test(text)) found['KIND'] = text
    else if (part.startsWith('{') && text !== '') found[part.slice(1, -1)] = decodeURIComponent(text)
    else if (part !== text) return undefined
  }
  return found
}

/** A call about one guest. */
const on =
  (right: string, work: (guest: SimulatedGuest, cluster: Cluster, call: Call) => unknown): Route =>
  (cluster, call) => {
    const { node = '', vmid, KIND = '' } = call.path
    cluster.access.demand(right, Number(vmid))
    return work(cluster.books.at(node, KIND, Number(vmid)), cluster, call)
  }

const audit = 'VM.Audit'
const network = 'VM.Config.Network'
const guest = '/nodes/{node}/KIND/{vmid}'
const sets = `${guest}/firewall/ipset`

const routes: Record<string, Route> = {
  'GET /version': ({ version }) => ({
    version,
    release: version.split('.').slice(0, 2).join('.'),
    repoid: 'a1b2c3d4',
  }),
  'POST /access/ticket': ({ access }, { params }) => access.enter(params),
  'GET /access/permissions': ({ access }) => ({
    '/vms': Object.fromEntries([...access.rights].map(right => [right, 1])),
  }),

  'GET /cluster/resources': ({ books, access }, { params }) => {
    if (params['type'] === 'node') {
      return books.nodes.map(node => ({
        id: `node/${node}`,
        type: 'node',
        node,
        status: books.away.has(node) ? 'offline' : 'online',
      }))
    }
    const seen = [...books.guests.values()].filter(
      ({ vmid }) => access.rights.has(audit) && !access.hidden.has(vmid),
    )
    return seen.map(({ vmid, kind, node, config, lock, template, running }) => ({
      id: `${kind}/${vmid}`,
      type: kind,
      vmid,
      node,
      name: config['hostname'] ?? config['name'] ?? `CT${vmid}`,
      status: running ? 'running' : 'stopped',
      template: template ? 1 : 0,
      ...(lock ? { lock } : {}),
    }))
  },
  'GET /cluster/nextid': ({ books }, { params }) => {
    const vmid = Number(params['vmid'])
    if (books.guests.has(vmid)) throw badParameter('vmid', `VM ${vmid} already exists`)
    return String(vmid)
  },

  'POST /nodes/{node}/KIND': (cluster, { params, path, user }) =>
    make(cluster, { ...params }, { kind: path['KIND'] as Kind, node: path['node'] ?? '', user }),
  [`POST ${guest}/clone`]: on('VM.Clone', (from, cluster, { params, user }) => {
    const { newid = '', target, ...rest } = params
    return make(cluster, { ...rest, vmid: newid }, { kind: from.kind, node: target ?? from.node, user, from })
  }),

  [`GET ${guest}/config`]: on(audit, known => ({ ...known.config, digest: digestOf(known) })),
  [`PUT ${guest}/config`]: on(network, (known, { books }, { params }) => changeConfig(books, known, params)),
  [`GET ${guest}/status/current`]: on(audit, ({ running, vmid, lock }) => ({
    status: running ? 'running' : 'stopped',
    vmid,
    ...(lock ? { lock } : {}),
  })),
  [`POST ${guest}/status/start`]: on('VM.PowerMgmt', (known, { tasks }, { user }) => {
    if (known.running) throw die(`${known.kind === 'qemu' ? 'VM' : 'CT'} ${known.vmid} already running`)
    return tasks.begin(
      known.node,
      known.kind === 'qemu' ? 'qmstart' : 'vzstart',
      known.vmid,
      user,
      failed => {
        if (!failed) start(known)
      },
    )
  }),

  [`GET ${guest}/interfaces`]: on(audit, ({ live, running }) =>
    running ? [lo, ...interfacesOf(live)] : null,
  ),
  [`GET ${guest}/cloudinit`]: on(audit, pendingOnDrive),
  [`PUT ${guest}/cloudinit`]: on('VM.Config.Cloudinit', rewriteDrive),
  [`GET ${guest}/agent/network-get-interfaces`]: on(audit, ({ agent, vmid, running }) => {
    if (!running) throw die(`VM ${vmid} is not running`)
    if (agent === undefined) throw die('QEMU guest agent is not running')
    return {
      result: [
        lo,
        { name: 'eth0', 'hardware-address': 'bc:24:11:00:00:01', 'ip-addresses': agent.map(tell) },
      ],
    }
  }),

  [`GET ${sets}`]: on(audit, ({ ipsets }) => [...ipsets.keys()].map(name => ({ name }))),
  [`POST ${sets}`]: on(network, (known, _, { params }) => makeSet(known, params['name'] ?? '')),
  [`GET ${sets}/{name}`]: on(audit, (known, _, { path }) => entriesOf(known, path['name'] ?? '')),
  [`POST ${sets}/{name}`]: on(network, (known, _, { params, path }) =>
    addEntry(known, path['name'] ?? '', params['cidr'] ?? '', params['comment']),
  ),
  [`DELETE ${sets}/{name}/{cidr}`]: on(network, (known, _, { path }) =>
    removeEntry(known, path['name'] ?? '', path['cidr'] ?? ''),
  ),
  [`DELETE ${sets}/{name}`]: on(network, (known, _, { params, path }) =>
    removeSet(known, path['name'] ?? '', params['force'] === '1'),
  ),

  'GET /nodes/{node}/tasks/{upid}/status': ({ tasks }, { path }) =>
    tasks.status(path['node'] ?? '', path['upid'] ?? ''),
}

const tell = (address: string) => ({
  'ip-address': address,
  'ip-address-type': address.includes(':') ? 'ipv6' : 'ipv4',
  prefix: address.includes(':') ? 64 : 24,
})

const lo = {
  name: 'lo',
  hwaddr: '00:00:00:00:00:00',
  'hardware-address': '00:00:00:00:00:00',
  inet: '127.0.0.1/8',
  inet6: '::1/128',
  'ip-addresses': ['127.0.0.1', '::1'].map(tell),
}

function interfacesOf(live: Map<number, string[]>) {
  return [...live].map(([index, addresses]) => {
    const [inet, inet6] = [
      addresses.find(text => !text.includes(':')),
      addresses.find(text => text.includes(':')),
    ]
    return {
      name: `eth${index}`,
      hwaddr: 'bc:24:11:00:00:02',
      'hardware-address': 'bc:24:11:00:00:02',
      ...(inet ? { inet } : {}),
      ...(inet6 ? { inet6 } : {}),
      'ip-addresses': [...addresses.map(text => text.split('/')[0] ?? ''), 'fe80::be24:11ff:fe00:2'].map(
        tell,
      ),
    }
  })
}
