import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Billmanager, startBillmanager } from '../../../src/simulators/billmanager/start.ts'
import { admin, furnish } from '../../helpers/api.ts'
import { queueMissing, startTestApp, type TestApp } from '../../helpers/app.ts'
import { command } from '../../helpers/cli.ts'

/** More than a batch, so that one is written before the panel fails. */
const total = 620
/** Each service is asked for its addresses. */
const patienceMs = 180_000

describe.skipIf(queueMissing)('A BILLmanager on the command line', () => {
  let app: TestApp
  let panel: Billmanager
  let ids: string[]

  beforeAll(async () => {
    app = await startTestApp({ work: false })
    await furnish(app, '10.0.0.0/16')
    panel = await startBillmanager()
    ids = panel.billing.fill(
      Array.from({ length: total }, (_, n) => ({
        domain: `s${n}.example.net`,
        slots: [
          { name: `10.0.${n >> 8}.${n & 255}`, domain: `s${n}.example.net`, main: true },
          ...(n < 10 ? [{ name: `10.0.100.${n}` }] : []),
        ],
      })),
    )
  })
  afterAll(async () => {
    await panel.stop()
    await app.shutDown()
  })

  const run = (...args: string[]) => command(args, app.env)

  it('is entered, shown without its password, tested, changed and removed', async () => {
    const settings = ['--url', panel.url, '--login', 'ipbridge', '--password', 'wrong-password']
    const added = await run('billing', 'add', '--name', 'other', ...settings, '--json')
    expect(added.code).toBe(0)
    expect(JSON.parse(added.out)).toMatchObject({
      name: 'other',
      kind: 'billmanager',
      secretsSet: ['password'],
    })
    expect(added.out).not.toContain('wrong-password')
    expect(await run('billing', 'test', 'other')).toMatchObject({
      code: 1,
      out: expect.stringContaining('does not accept the login'),
    })
    await run('billing', 'change', 'other', '--password', 'ipbridge-password')
    expect(await run('billing', 'test', 'other')).toMatchObject({
      code: 0,
      out: expect.stringContaining('6.120.0'),
    })
    expect((await run('billing', 'list')).out).toContain('other')
    expect(await run('billing', 'remove', 'other')).toMatchObject({ code: 0 })
    expect(await run('billing', 'show', 'other')).toMatchObject({
      code: 1,
      err: expect.stringContaining('not_found'),
    })
  })

  it('is refused where its settings cannot be right, by field', async () => {
    const more = ['--url', 'https://b.example.net/', '--login', 'x', '--password', 'y']
    const { code, err } = await run('billing', 'add', '--name', 'bad', ...more)
    expect(code).toBe(2)
    expect(err).toContain('billing bad: url must end in /billmgr')
    expect(await run('billing', 'add', '--name', 'bad', '--kind', 'x', ...more)).toMatchObject({
      code: 2,
      err: expect.stringContaining('kind must be one of billmanager'),
    })
  })

  it(
    'is taken over: first looked at, then in part, then the rest, then nothing',
    async () => {
      await app.desk.billings.add(admin, {
        ...{ name: 'main', kind: 'billmanager', url: panel.url },
        ...{ login: 'ipbridge', password: 'ipbridge-password' },
      })
      const first = await run('import', 'billmanager', 'main')
      expect(first).toMatchObject({ code: 0, err: '' })
      expect(first.out).toContain(`services: ${total}, new: ${total} with ${total + 10} addresses`)
      expect(await app.db.service.count()).toBe(0)

      // The panel fails in the middle.
      panel.faults.add({ what: 'status', status: 502, func: 'vds', page: 4 })
      const part = await run('import', 'billmanager', 'main', '--apply')
      expect(part.code).toBe(1)
      expect(part.err).toContain('page 4 of the list vds')
      const written = await app.db.service.count()
      expect(written).toBeGreaterThan(0)
      expect(written).toBeLessThan(total)
      panel.faults.clear()

      const rest = await run('import', 'billmanager', 'main', '--apply', '--json')
      expect(JSON.parse(rest.out)).toMatchObject({
        newServices: total - written,
        unchanged: written,
        items: [],
      })
      const again = await run('import', 'billmanager', 'main', '--apply')
      expect(again.out).toContain(`new: 0 with 0 addresses, unchanged: ${total}, conflicts: 0`)

      const extra = panel.billing.slots(ids[3] ?? '')[1]?.id
      const { addresses } = await app.desk.services.show(admin, ids[3] ?? '')
      expect(addresses.map(({ slot, address, ptr }) => [slot, address, ptr])).toEqual([
        ['main', '10.0.0.3', 's3.example.net'],
        [`order:${extra}/1`, '10.0.100.3', null],
      ])
    },
    patienceMs,
  )

  it(
    'has its conflicts told, with exit code 3',
    async () => {
      const [twice, nowhere] = panel.billing.fill([
        { domain: 'x.example.net', slots: [{ name: '10.0.0.1', main: true }] },
        { domain: 'y.example.net', module: { id: '9', name: 'node9' } },
      ])
      const { code, err } = await run('import', 'billmanager', 'main', '--apply')
      expect(code).toBe(3)
      expect(err.trim().split('\n').sort()).toEqual([
        `vds ${twice}: ${twice}: service ${ids[1]} has 10.0.0.1`,
        `vds ${nowhere}: ${nowhere}: there is no server node9`,
      ])
    },
    patienceMs,
  )
})
