import type { InjectOptions, LightMyRequestResponse } from 'fastify'
import { type ApiOptions, createApi } from '../../src/api/app.ts'
import type { Actor, Role } from '../../src/desk/actor.ts'
import { startTestApp, type TestApp } from './app.ts'
import { refuseCanaries } from './canaries.ts'

export const admin: Actor = { name: 'test', role: 'admin' }

type Method = NonNullable<InjectOptions['method']>

/** What else a request may need. */
interface More {
  body?: unknown
  headers?: Record<string, string>
  /** The network address that it comes from. */
  remote?: string
}

export type TestApi = Awaited<ReturnType<typeof startTestApi>>

/** ipbridge with its API and a token for every role; the client's is for `client-1`. Nothing listens. */
export async function startTestApi(options: Parameters<typeof startTestApp>[0] & ApiOptions = {}) {
  const app: TestApp = await startTestApp(options)
  const api = await createApi(app, options)
  const tokens = {
    admin: await makeToken('admin'),
    operator: await makeToken('operator'),
    billing: await makeToken('billing'),
    client: await makeToken('client', 'client-1'),
    viewer: await makeToken('viewer'),
  }

  async function makeToken(role: Role, client?: string): Promise<string> {
    const input = { name: `${role} of the tests`, role, ...(client ? { client } : {}) }
    return (await app.desk.tokens.add(admin, input)).token
  }

  /** Sends a request as one of the roles, with a token of its own, or (undefined) as a stranger. */
  async function ask(
    who: Role | { token: string } | undefined,
    method: Method,
    url: string,
    { body, headers, remote }: More = {},
  ): Promise<LightMyRequestResponse> {
    const token = typeof who === 'string' ? tokens[who] : who?.token
    const answer = await api.inject({
      method,
      url,
      headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...headers },
      ...(body === undefined ? {} : { payload: body as object }),
      ...(remote === undefined ? {} : { remoteAddress: remote }),
    })
    refuseCanaries(`${method} ${url}`, answer.body)
    return answer
  }

  return {
    app,
    api,
    tokens,
    makeToken,
    ask,
    async shutDown() {
      await api.close()
      await app.shutDown()
    },
  }
}

/** A pool and a server, as most tests need them. */
export async function furnish(app: TestApp, cidr = '192.0.2.0/24'): Promise<void> {
  await app.desk.pools.add(admin, { name: 'v4', cidr, connection: 'builtin' })
  await app.desk.servers.add(admin, { name: 'node1', panel: 'none', connection: 'builtin' })
}
