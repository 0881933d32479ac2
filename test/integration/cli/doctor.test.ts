import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { backend, queueMissing, startTestApp, type TestApp, testSecret } from '../../helpers/app.ts'
import { command } from '../../helpers/cli.ts'
import { createEmptyDatabase, type EmptyDatabase } from '../../helpers/empty-database.ts'

interface Check {
  name: string
  status: 'ok' | 'warning' | 'bad'
  found: string
  todo?: string
}

/** Asks the doctor. @returns the exit code, and what was found by its name */
async function examine(env: Record<string, string>) {
  const { code, out } = await command(['doctor', '--json'], env)
  const { ok, checks } = JSON.parse(out) as { ok: boolean; checks: Check[] }
  return { code, ok, of: (name: string) => checks.filter(check => check.name === name) }
}

describe.skipIf(queueMissing)('`ipbridge doctor`', () => {
  let app: TestApp
  let empty: EmptyDatabase
  beforeAll(async () => {
    app = await startTestApp({ work: false })
    empty = await createEmptyDatabase()
  })
  afterAll(async () => {
    await app.shutDown()
    await empty.drop()
  })

  it('finds an installation well that is well, with exit code 0', async () => {
    const { code, ok, of } = await examine(app.env)
    expect([code, ok]).toEqual([0, true])
    for (const name of ['Node', 'PostgreSQL', 'clock', 'migrations', 'secrets', 'queue age']) {
      expect(of(name)).toMatchObject([{ status: 'ok' }])
    }
    if (backend === 'redis') expect(of('Redis memory')).toMatchObject([{ status: 'ok' }])
  })

  it('says to migrate where migrations are missing, with exit code 1', async () => {
    const env = { ...app.env, DATABASE_URL: empty.url }
    const { code, ok, of } = await examine(env)
    expect([code, ok]).toEqual([1, false])
    expect(of('migrations')).toMatchObject([{ status: 'bad', todo: 'run `ipbridge migrate`' }])
    const told = await command(['doctor'], env)
    expect(told.code).toBe(1)
    expect(told.out).toMatch(/^bad +migrations +\d+ are missing/m)
    expect(told.out).toContain('what to do: run `ipbridge migrate`')
    expect(told.out).toMatch(/^1 bad, /m)
  })

  it('says what to look at where the database or Redis does not answer', async () => {
    const away = await examine({
      DATABASE_URL: 'postgres://user:canary@127.0.0.1:1/db',
      IPBRIDGE_SECRET: testSecret,
      REDIS_URL: 'redis://:canary@127.0.0.1:1',
    })
    expect(away.code).toBe(1)
    expect(away.of('PostgreSQL')).toMatchObject([
      { status: 'bad', todo: expect.stringContaining('DATABASE_URL') },
    ])
    expect(away.of('Redis')).toMatchObject([{ status: 'bad', todo: expect.stringContaining('REDIS_URL') }])
    expect(JSON.stringify([away.of('PostgreSQL'), away.of('Redis')])).not.toContain('canary')
  })

  it('says that nobody works, and that the nightly reconciliation does not come', async () => {
    const long = new Date(Date.now() - 3 * 86_400_000)
    await app.intake.accept(
      [
        {
          specversion: '1.0',
          id: 'd1',
          source: '/test',
          type: 'ptr.changed',
          data: { address: '192.0.2.9', ptr: 'x.example.net' },
        },
      ],
      'http',
    )
    await app.db.operation.updateMany({ data: { createdAt: long, announceAt: long } })
    await app.db.connection.updateMany({ data: { createdAt: long } })
    const { code, of } = await examine(app.env)
    expect(code).toBe(1)
    expect(of('queue age')).toMatchObject([
      { status: 'bad', todo: expect.stringContaining('ipbridge worker') },
    ])
    expect(of('reconciliation of builtin')).toMatchObject([
      { status: 'bad', todo: expect.stringContaining('ipbridge reconcile --connection builtin') },
    ])
  })

  it('says that the clock is wrong, with exit code 1', async () => {
    const now = Date.now
    const ahead = vi.spyOn(Date, 'now').mockImplementation(() => now() + 600_000)
    const { code, of } = await examine(app.env).finally(() => ahead.mockRestore())
    expect(code).toBe(1)
    expect(of('clock')).toMatchObject([
      { status: 'bad', found: expect.stringContaining('10 min'), todo: expect.stringContaining('NTP') },
    ])
  })

  it('says which credentials the key does not open', async () => {
    await app.desk.connections.add(
      { name: 'test', role: 'admin' },
      { name: 'sealed', driver: 'builtin', password: 'canary' },
    )
    const other = Buffer.alloc(32, 8).toString('base64')
    const { code, of } = await examine({ ...app.env, IPBRIDGE_SECRET: other })
    expect(code).toBe(1)
    expect(of('secrets')).toMatchObject([
      {
        status: 'bad',
        found: expect.stringContaining('sealed'),
        todo: expect.stringContaining('IPBRIDGE_SECRET'),
      },
    ])
  })
})
