import { readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { admin } from '../../helpers/api.ts'
import { backend, startTestApp, type TestApp } from '../../helpers/app.ts'
import { fillLedger } from '../../helpers/books.ts'
import { command } from '../../helpers/cli.ts'

// Without workers the command does the work itself, so one of the two queues is enough.
describe.skipIf(backend === 'redis')('ipbridge reconcile', () => {
  let app: TestApp
  const file = join(tmpdir(), `ipbridge-report-${process.pid}.csv`)

  beforeAll(async () => {
    app = await startTestApp({ work: false })
    await app.desk.pools.add(admin, { name: 'v4', cidr: '10.0.0.0/16', connection: 'builtin' })
    await app.desk.servers.add(admin, { name: 'node1', panel: 'none', connection: 'builtin' })
    await fillLedger(app, { connection: 'builtin', server: 'node1', first: '10.0.1.0', count: 3 })
    await app.db.$executeRaw`
      insert into pool_address (pool_id, address, state) select id, '10.0.200.1', 'held' from pool where name = 'v4'`
  })
  afterAll(async () => {
    await rm(file, { force: true })
    await app.shutDown()
  })

  const run = (...args: string[]) => command(['reconcile', ...args], app.env)

  it('prints the plan, exits with 3 where there are differences, and says how to go on', async () => {
    const { code, out } = await run('--connection', 'builtin')
    expect(code).toBe(3)
    expect(out).toContain('builtin: 4 addresses compared, 3 missing, 1 unknown')
    expect(out).toMatch(/missing +10\.0\.1\.0 +fill-0 +new +allocate/)
    expect(out).toMatch(/to apply it: ipbridge reconcile --apply [0-9a-f]{16}/)
  })

  it('gives the plan as JSON, with all findings', async () => {
    const { code, out } = await run('--connection', 'builtin', '--json')
    expect(code).toBe(3)
    expect(JSON.parse(out)).toMatchObject({
      connection: 'builtin',
      state: 'planned',
      counts: { missing: 3, unknown: 1 },
    })
    expect(JSON.parse(out).findings).toHaveLength(4)
    const all = JSON.parse((await run('--json')).out)
    expect(all.items.map((plan: { connection: string }) => plan.connection)).toEqual(['builtin'])
  })

  it('leaves out what a review ignores, and applies the rest by its hash', async () => {
    const { hash } = JSON.parse((await run('--connection', 'builtin', '--json')).out)
    const reviewed = await run('review', hash, '--ignore', '10.0.1.1', 'orphan', '--reason', 'later')
    expect(reviewed).toMatchObject({
      code: 2,
      err: expect.stringContaining('the plan has no finding orphan'),
    })
    const again = JSON.parse((await run('review', hash, '--ignore', '10.0.1.1', 'unknown', '--json')).out)
    expect(again).toMatchObject({ counts: { missing: 2 }, changes: { ignored: 2 } })
    expect((await run('--apply', hash)).code).toBe(1)
    const applied = await run('--apply', again.hash)
    expect(applied.code).toBe(0)
    expect(applied.out.match(/done/g)).toHaveLength(2)
    const next = await run('--connection', 'builtin')
    expect(next.out).toContain('since the run before: 0 new, 0 still there, 2 gone; 2 ignored')
    expect(next.code).toBe(0)
  })

  it('lists its runs, and exports one', async () => {
    const [latest] = JSON.parse((await run('list', '--json')).out).items
    expect((await run('list')).out).toContain(latest.id)
    expect(JSON.parse((await run('export', latest.id)).out)).toMatchObject({ id: latest.id, gone: [{}, {}] })
    expect(JSON.parse((await run('export', latest.hash)).out)).toMatchObject({ id: latest.id })
    expect(await run('export', 'nonsense')).toMatchObject({
      code: 1,
      err: expect.stringContaining('there is no reconciliation nonsense'),
    })
    expect((await run('export', latest.id, '--format', 'csv', '--output', file)).code).toBe(0)
    expect((await readFile(file, 'utf8')).split('\n')[1]).toContain('missing,10.0.1.1,fill-1,still')
  })

  it.each([
    [['review', 'x'], 'say what to --ignore or to --accept'],
    [['review', 'x', '--ignore', 'nonsense'], 'It takes the id of a finding, an address, or one of missing'],
    [['export', 'x', '--format', 'xml'], 'Allowed choices are csv, json'],
  ])('refuses %j as wrong use', async (args, says) => {
    expect(await run(...args)).toMatchObject({ code: 2, err: expect.stringContaining(says) })
  })
})
