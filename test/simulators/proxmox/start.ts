import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAccess } from './access.ts'
import { createBooks } from './books.ts'
import { createFaults, type Fault } from './faults.ts'
import { die, Refusal } from './refusal.ts'
import { type Cluster, majorOf, routeOf } from './routes.ts'
import { type Matched, match, violations } from './schema.ts'
import { createTasks } from './tasks.ts'

export interface ProxmoxOptions {
  version?: string
  nodes?: string[]
}

export interface Request {
  method: string
  /** As in the schema: `/nodes/{node}/lxc/{vmid}/config`. */
  template: string
  params: Record<string, string>
  path: Record<string, string>
}

export type SimulatedProxmox = Awaited<ReturnType<typeof startProxmox>>

const base = '/api2/json'

/** A Proxmox VE cluster on a socket of its own; every request is judged by the published schema. */
export async function startProxmox({ version = '9.1.3', nodes = ['pve1', 'pve2'] }: ProxmoxOptions = {}) {
  const cluster: Cluster = {
    version,
    books: createBooks(nodes),
    tasks: createTasks(),
    access: createAccess(() => majorOf(cluster) >= 6),
  }
  const faults = createFaults()
  const requests: Request[] = []
  /** Requests that the schema does not allow. */
  const refused: string[] = []
  const hooks = { before: undefined as ((request: Request) => void) | undefined }

  function respond(request: IncomingMessage, body: string, matched: Matched, given: Record<string, string>) {
    const { method, template, path } = matched
    const kind = /\/(lxc|qemu|openvz)(?:\/|$)/.exec(template)?.[1]
    const here = { method, template, params: given, path: { ...path, ...(kind ? { KIND: kind } : {}) } }
    requests.push(here)
    hooks.before?.(here)
    cluster.tasks.pass()
    const changes = method !== 'GET'
    const user = template === '/access/ticket' ? '' : cluster.access.identify(request.headers, changes)
    const route = routeOf(`${method} ${template}`, cluster)
    const wrong = violations(matched, given)
    if (changes && method !== 'DELETE' && body === '' && request.headers['content-type']?.includes('json')) {
      wrong['body'] = 'is no form'
    }
    if (Object.keys(wrong).length > 0) {
      refused.push(`${method} ${template} ${JSON.stringify(wrong)}`)
      throw new Refusal(400, 'Parameter verification failed.', wrong)
    }
    const away = path['node'] !== undefined && cluster.books.away.has(path['node'])
    const struck = away ? 'unreachable' : faults.strike(method, template)
    return {
      struck,
      answer: () => act(here, user, struck, () => route(cluster, { params: given, path: here.path, user })),
    }
  }

  function act(request: Request, user: string, struck: Fault | undefined, work: () => unknown): unknown {
    if (struck === 'unreachable') throw new Refusal(595, 'No route to host')
    if (struck === 'busy')
      throw die(`can't lock file '/run/lock/guest-${request.path['vmid']}.lock' - got timeout`)
    if (struck === 'unauthorised') throw new Refusal(401, 'permission denied - invalid PVE ticket')
    const guest = cluster.books.guests.get(Number(request.path['vmid']))
    if (struck === 'locked') throw die(`${request.path['KIND'] === 'qemu' ? 'VM' : 'CT'} is locked (migrate)`)
    if (struck === 'migrated' && guest) guest.node = nodes.find(node => node !== guest.node) ?? guest.node
    if (struck === 'stale') {
      if (guest)
        guest.config['description'] = `${guest.config['description'] ?? ''}\nchanged by somebody else`.trim()
    }
    // What begins a task still names one: it ends well, and has done nothing.
    if (struck === 'says success') {
      const isTask = /\/clone$|\/start$|POST \/nodes\/\{node\}\/\w+$/.test(
        `${request.method} ${request.template}`,
      )
      return isTask ? cluster.tasks.begin(request.path['node'] ?? '', 'vzcreate', 1, user, () => {}) : null
    }
    return work()
  }

  function exchange(request: IncomingMessage, response: ServerResponse, body: string): void {
    const url = new URL(request.url ?? '/', 'http://simulator')
    const matched = url.pathname.startsWith(base)
      ? match(request.method ?? '', url.pathname.slice(base.length))
      : undefined
    const given = Object.fromEntries([
      ...new URLSearchParams(request.method === 'DELETE' ? '' : body),
      ...url.searchParams,
    ])
    try {
      if (matched === undefined) {
        refused.push(`${request.method} ${url.pathname} is not in the schema`)
        throw new Refusal(501, `Method '${request.method} ${url.pathname}' not implemented`)
      }
      const { struck, answer } = respond(request, body, matched, given)
      if (struck === 'silence') return
      if (struck === 'lost before') return void request.socket.destroy()
      if (struck === 'empty answer') return void response.writeHead(200).end()
      if (struck === 'garbage answer') {
        return void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>a proxy</html>')
      }
      const data = answer()
      if (struck === 'lost after') return void request.socket.destroy()
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ data }))
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      const { status, message, errors } = error
      // Older versions say it in the reason phrase only.
      const words = majorOf(cluster) >= 9 ? { message: `${message}\n` } : {}
      response
        .writeHead(status, message, { 'content-type': 'application/json', connection: 'close' })
        .end(JSON.stringify({ data: null, ...words, ...(errors ? { errors } : {}) }))
    }
  }

  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', chunk => chunks.push(chunk))
    request.on('end', () => exchange(request, response, Buffer.concat(chunks).toString()))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    books: cluster.books,
    tasks: cluster.tasks,
    access: cluster.access,
    faults,
    requests,
    refused,
    /** Called before each request is answered: what happens in between looks. */
    hooks,
    /** Another version, as after an upgrade. */
    set version(next: string) {
      cluster.version = next
    },
    async stop(): Promise<void> {
      const closed = new Promise<void>(resolve => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
}
