import { familyOf } from '../coremanager/addresses.ts'
import type { Behaviour } from './behaviour.ts'
import { type Books, hostRow, ipRow } from './books.ts'
import { invalid, notFound } from './refusal.ts'
import type { Tasks } from './tasks.ts'
import { filterOf } from './where.ts'

type Json = Record<string, unknown>

export interface Request {
  method: string
  path: string
  where: string | null
  body: Json
}

export interface Panel {
  behaviour: Pick<Behaviour, 'listsIpv6'>
  books: Books
  tasks: Tasks
}

/** What a fault makes of a change: its effect is left out, or its task fails. */
export type Spoiled = 'nothing' | 'fails' | undefined

const list = (rows: Json[]) => ({ last_notify: 1, list: rows, size: rows.length })

/**
 * The functions of VMmanager 6 that are simulated (the fact sheet, 5.5), after sign-in.
 * @throws Refused
 */
export function answer({ behaviour, books, tasks }: Panel, request: Request, spoiled: Spoiled): Json {
  const { method, path, where, body } = request
  const [, resource, id = '', part = ''] = /^\/vm\/v3\/(\w+)(?:\/(\d+))?(?:\/(\w+))?$/.exec(path) ?? []
  const number = Number(id)
  const wanted = filterOf(where)

  /** A change is a task, and the answer says which. */
  function begin(name: string, subject: number, effect: () => void): Json {
    const done = spoiled === 'nothing' ? () => {} : spoiled === 'fails' ? fail : effect
    return { id: subject, task: tasks.begin(name, done) }
  }

  function fail(): never {
    throw invalid('libvirt')
  }

  function makeHost(): Json {
    const { name, cluster, os, image, ip_addr, domain = '', comment = '' } = body
    for (const [field, value] of Object.entries({ name, cluster, source: os ?? image })) {
      if (value === undefined || value === '') throw invalid(field)
    }
    const address = ip_addr === undefined ? undefined : (ip_addr as Json)['name']
    const key = books.pick(address)
    if (spoiled === 'nothing') return begin('host_create', 9_999, () => {})
    if (spoiled === undefined) books.promise(key)
    // It is listed at once, and gets its address while it is made.
    const host = books.make(String(name), {
      comment: String(comment),
      domain: String(domain),
      state: 'creating',
      params: body,
    })
    return begin('host_create', host.id, () => {
      books.put(host, key, String(domain))
      host.state = 'active'
    })
  }

  function addIp(): Json {
    const host = books.host(number)
    const named = body['ip_addr'] as Json | undefined
    if (named === undefined && !body['ipv4_number']) throw invalid('ip_addr')
    const key = books.pick(named?.['name'])
    if (spoiled === undefined) books.promise(key)
    return begin('ip_allocate', host.id, () => void books.put(host, key, host.domain))
  }

  function name(): Json {
    const { host, ip } = books.ip(number)
    const { domain } = body
    if (typeof domain !== 'string') throw invalid('domain')
    return begin('ptr_update', host.id, () => {
      books.ip(ip.id).ip.domain = domain
    })
  }

  switch (`${method} ${resource}${id === '' ? '' : '/id'}${part === '' ? '' : `/${part}`}`) {
    case 'GET host':
      return list([...books.hosts.values()].map(hostRow).filter(wanted))
    case 'POST host':
      return makeHost()
    case 'DELETE host/id':
      return begin('host_delete', books.host(number).id, () => void books.hosts.delete(number))
    case 'GET host/id/ipv4':
    case 'GET host/id/ipv6': {
      const host = books.host(number)
      if (part === 'ipv6' && !behaviour.listsIpv6) return { ipv6_enabled: true, ipv6_prefix: 64 }
      const ips = host.ips.filter(ip => `ipv${familyOf(ip.key)}` === part)
      return list(ips.map(ip => ipRow(host, ip)).filter(wanted))
    }
    case 'GET ip':
      return list(
        [...books.hosts.values()].flatMap(host => host.ips.map(ip => ipRow(host, ip))).filter(wanted),
      )
    case 'POST host/id/ip':
      return addIp()
    case 'DELETE ip/id': {
      const { host, ip } = books.ip(number)
      return begin('ip_delete', ip.id, () => {
        host.ips = host.ips.filter(one => one.id !== ip.id)
      })
    }
    case 'POST ip/id/ptr':
      return name()
    case 'GET task':
      return list(tasks.all().filter(task => wanted({ ...task })) as unknown as Json[])
    default:
      throw notFound(`${method} ${path}`)
  }
}
