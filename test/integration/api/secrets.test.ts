import { Writable } from 'node:stream'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createRegistry } from '../../../src/db/registry.ts'
import type { IpamFactory } from '../../../src/ipam/connections.ts'
import { memoryIpam } from '../../../src/ipam/memory.ts'
import { startTestApi, type TestApi } from '../../helpers/api.ts'
import { queueMissing } from '../../helpers/app.ts'
import { events } from '../../helpers/events.ts'

const canary = 'canary-4fjq9'

/** A driver that fails with whatever it knows. */
const talkative: IpamFactory = connection => ({
  ...memoryIpam({ pools: { p: '10.9.0.0/24' } }),
  async check() {
    throw new Error(`login as ${connection.login} failed`)
  },
})

describe.skipIf(queueMissing)('a secret', () => {
  const lines: string[] = []
  let bed: TestApi

  beforeAll(async () => {
    const sink = new Writable({
      write(chunk, _encoding, done) {
        lines.push(String(chunk))
        done()
      },
    })
    bed = await startTestApi({ log: pino({ level: 'trace' }, sink), ipamDrivers: { talkative } })
    const secrets = {
      password: `${canary}-1`,
      tls: { key: `${canary}-2`, ca: 'public' },
      options: { apiToken: `${canary}-3` },
    }
    const answers = [
      await bed.ask('admin', 'POST', '/api/v1/connections', {
        body: { name: 'ipam', driver: 'talkative', login: 'me', adminpassword: `${canary}-4`, ...secrets },
      }),
      await bed.ask('admin', 'PATCH', '/api/v1/connections/ipam', {
        body: { password: `${canary}-5`, options: secrets.options },
      }),
      await bed.ask('admin', 'POST', '/api/v1/connections/ipam/test'),
      await bed.ask('admin', 'POST', '/api/v1/servers', {
        body: { name: 'node1', connection: 'ipam', ...secrets },
      }),
      await bed.ask('admin', 'POST', '/api/v1/connections', {
        body: { name: 'Bad Name', driver: 'talkative', ...secrets },
      }),
      await bed.ask('billing', 'POST', '/api/v1/events?wait', {
        body: events.created({ id: 's1', setup: { rootPassword: `${canary}-6`, template: 'debian' } }),
      }),
    ]
    expect(answers.map(answer => answer.statusCode)).toEqual([201, 200, 200, 201, 422, 200])
    expect(answers.map(answer => answer.body).join()).not.toContain(canary)
  })
  afterAll(() => bed.shutDown())

  it('is in no answer, to whomever', async () => {
    const ids: Record<string, string> = { ip: '10.9.0.1' }
    for (const [list, key] of [
      ['operations', 'id'],
      ['tokens', 'id'],
    ] as const) {
      ids[list] = (await bed.ask('admin', 'GET', `/api/v1/${list}`)).json().items[0][key]
    }
    const pathOf = (url: string) =>
      url
        .replace('operations/:id', `operations/${ids['operations']}`)
        .replace('tokens/:id', `tokens/${ids['tokens']}`)
        .replace('services/:id', 'services/s1')
        .replace('connections/:name', 'connections/ipam')
        .replace('servers/:name', 'servers/node1')
        .replace(':ip', '10.9.0.1')
        .replace(':queueName', 'allocate')
        .replace(/:\w+/g, 'none')
    const seen = new Map<string, number>()
    for (const { method, url } of bed.api.knownRoutes) {
      if (method !== 'GET') continue
      const answer = await bed.ask('admin', 'GET', pathOf(url))
      seen.set(pathOf(url), answer.statusCode)
      expect([url, answer.body.includes(canary)]).toEqual([url, false])
      for (const token of Object.values(bed.tokens)) {
        expect([url, answer.body.includes(token)]).toEqual([url, false])
      }
    }
    for (const path of [
      'events',
      'audit',
      'connections',
      'connections/ipam',
      'servers/node1',
      `tokens/${ids['tokens']}`,
      'services/s1',
    ]) {
      expect([path, seen.get(`/api/v1/${path}`)]).toEqual([path, 200])
    }
  })

  it('is known to be set', async () => {
    expect((await bed.ask('viewer', 'GET', '/api/v1/connections/ipam')).json()).toMatchObject({
      secretsSet: ['password', 'adminpassword'],
      tls: { key: '[secret]', ca: 'public' },
      options: { apiToken: '[secret]' },
    })
    expect((await bed.ask('viewer', 'GET', '/api/v1/events')).json().items[0].data.service.setup).toEqual({
      rootPassword: '[secret]',
      template: 'debian',
    })
  })

  it('reaches whom it is for', async () => {
    const { id } = await bed.app.db.connection.findUniqueOrThrow({ where: { name: 'ipam' } })
    const open = await createRegistry(bed.app.db, bed.app.vault).connection(id)
    expect([open.password, open.options]).toEqual([`${canary}-5`, { apiToken: `${canary}-3` }])
  })

  it('is not logged, even where something fails', async () => {
    const { token } = await bed.app.desk.tokens.add(
      { name: 'test', role: 'admin' },
      { name: 'logged', role: 'admin' },
    )
    await bed.ask(undefined, 'POST', '/api/v1/session', { body: { token } })
    await bed.ask(undefined, 'POST', '/api/v1/session', { body: { token: 'ipb_wrong' } })
    const log = lines.join('')
    expect(log).not.toContain(canary)
    for (const used of [...Object.values(bed.tokens), token, 'ipb_wrong']) expect(log).not.toContain(used)
  })
})
