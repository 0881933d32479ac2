import type { IncomingHttpHeaders } from 'node:http'
import type { createFaults, Fault } from './faults.ts'
import { die, Refusal } from './refusal.ts'
import { type Cluster, type Matched, match } from './routes.ts'

/** A call as it came in. */
export interface Asked {
  method: string
  /** As in the published schema: `/nodes/{node}/lxc/{vmid}/config`. */
  template: string
  params: Record<string, string>
  path: Record<string, string>
}

/** What a published schema has against a call, by parameter; nothing where it is as it says. */
export type Judge = (method: string, path: string, params: Record<string, string>) => Record<string, string>

export interface CallsOptions {
  cluster: Cluster
  faults: ReturnType<typeof createFaults>
  judge: Judge | undefined
}

export type Calls = ReturnType<typeof createCalls>

/** Answers calls one by one: who asks, whether they may, what comes between, then what is done. */
export function createCalls({ cluster, faults, judge }: CallsOptions) {
  const { books, tasks, access } = cluster
  const requests: Asked[] = []
  const refused: string[] = []
  const hooks = { before: undefined as ((call: Asked) => void) | undefined }

  /** What is wrong with a call, which is remembered too. */
  function judged(method: string, path: string, params: Record<string, string>): Record<string, string> {
    const wrong = judge?.(method, path, params) ?? {}
    if (Object.keys(wrong).length > 0) refused.push(`${method} ${path} ${JSON.stringify(wrong)}`)
    return wrong
  }

  function act(call: Asked, { route }: Matched, user: string, struck: Fault | undefined): unknown {
    const { vmid, node = '', KIND = '' } = call.path
    const guest = books.guests.get(Number(vmid))
    if (struck === 'unreachable') throw new Refusal(595, 'No route to host')
    if (struck === 'unauthorised') throw new Refusal(401, 'permission denied - invalid PVE ticket')
    if (struck === 'busy') throw die(`can't lock file '/run/lock/guest-${vmid}.lock' - got timeout`)
    if (struck === 'locked') throw die(`${KIND === 'qemu' ? 'VM' : 'CT'} is locked (migrate)`)
    if (struck === 'migrated' && guest) {
      guest.node = books.nodes.find(each => each !== guest.node) ?? guest.node
    }
    if (struck === 'stale' && guest) {
      guest.config['description'] = `${guest.config['description'] ?? ''}\nchanged by somebody else`.trim()
    }
    // What begins a task still names one: it ends well, and has done nothing.
    if (struck === 'says success') {
      const isTask = /(\/clone|\/start|POST \/nodes\/\{node\}\/\w+)$/.test(`${call.method} ${call.template}`)
      return isTask ? tasks.begin(node, 'vzcreate', 1, user, () => {}) : null
    }
    return route(cluster, { params: call.params, path: call.path, user })
  }

  return {
    /** All calls that there have been. */
    requests,
    /** Calls that the schema does not allow. */
    refused,
    /** Called before each call is answered: what happens in between looks. */
    hooks,

    /** @returns the fault that it meets, and the data of its answer. @throws Refusal */
    begin(method: string, path: string, params: Record<string, string>, headers: IncomingHttpHeaders) {
      const matched = match(method, path, cluster)
      if (matched === undefined) {
        judged(method, path, params)
        throw new Refusal(501, `Method '${method} ${path}' not implemented`)
      }
      const call: Asked = { method, template: matched.template, params, path: matched.path }
      requests.push(call)
      hooks.before?.(call)
      tasks.pass()
      const user = matched.template === '/access/ticket' ? '' : access.identify(headers, method !== 'GET')
      const wrong = judged(method, path, params)
      if (Object.keys(wrong).length > 0) throw new Refusal(400, 'Parameter verification failed.', wrong)
      const away = books.away.has(matched.path['node'] ?? '')
      const struck = away ? 'unreachable' : faults.strike(method, matched.template)
      return { struck, answer: () => act(call, matched, user, struck) }
    },
  }
}
