import { writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { placeOf } from '../../../src/db/registry.ts'
import { backend, startTestApp, type TestApp } from '../../helpers/app.ts'
import { command, type Ended, ipbridge } from '../../helpers/cli.ts'
import { events } from '../../helpers/events.ts'

// What people enter and look up never meets the queue, so one of the two runs is enough.
describe.skipIf(backend === 'redis')('On the command line', () => {
  let app: TestApp

  beforeAll(async () => {
    app = await startTestApp({ work: false })
  })
  afterAll(() => app.shutDown())

  const run = (args: string[], env: Record<string, string> = {}): Promise<Ended> =>
    command(args, { ...app.env, ...env })

  async function json(args: string[]) {
    const { code, out, err } = await run([...args, '--json'])
    expect({ code, err }).toEqual({ code: 0, err: '' })
    return JSON.parse(out)
  }

  it('a pool is added with the fields of the API, in either spelling, with lists and a reason', async () => {
    const added = await json([
      ...[
        'pool',
        'add',
        '--name',
        'eu',
        '--cidr',
        '192.0.2.0/24',
        '--gateway',
        '192.0.2.1',
        '--priority',
        '7',
      ],
      ...[
        '--exclude',
        '192.0.2.2-192.0.2.9,192.0.2.20',
        '--exclude',
        '192.0.2.30',
        '--quarantineSeconds',
        '60',
      ],
      ...['--low-water', '5', '--reason', 'the rack is full'],
    ])
    expect(added).toMatchObject({ name: 'eu', priority: 7, quarantineSeconds: 60, lowWater: 5, free: '243' })
    expect(added.exclude).toEqual(['192.0.2.2-192.0.2.9', '192.0.2.20', '192.0.2.30'])
    const { items } = await app.desk.journals.audit({ subject: 'pool:eu' })
    const actor = `cli:${userInfo().username}`
    expect(items).toMatchObject([{ actor, role: 'admin', action: 'pool.add', reason: 'the rack is full' }])
  })

  it('lists are tables for people and {items, next} for programs', async () => {
    const table = await run(['pool', 'list'])
    const list = await json(['pool', 'list', '--limit', '1'])
    expect(table.out).toMatch(/^NAME +CIDR +FREE/)
    expect(table.out).toMatch(/^eu +192\.0\.2\.0\/24 +243/m)
    expect(list).toMatchObject({ items: [{ name: 'eu' }], next: null })
  })

  it('fields come from a file as well, and flags win over it', async () => {
    const file = join(tmpdir(), `ipbridge-pool-${process.pid}.json`)
    await writeFile(file, JSON.stringify({ name: 'file', cidr: '198.51.100.0/24', priority: 3 }))
    expect(await json(['pool', 'add', '--file', file, '--priority', '4'])).toMatchObject({
      name: 'file',
      priority: 4,
    })
  })

  it('a change touches what is given, and what is removed is gone', async () => {
    expect(await json(['pool', 'change', 'file', '--low-water', '9'])).toMatchObject({
      priority: 4,
      lowWater: 9,
    })
    expect(await run(['pool', 'remove', 'file'])).toMatchObject({ code: 0, out: 'file is removed\n' })
    const gone = await run(['pool', 'show', 'file'])
    expect(gone).toMatchObject({ code: 1, err: 'ipbridge: not_found: there is no pool file\n' })
  })

  it('a secret comes from standard input or a variable, is sealed, and is never shown', async () => {
    const server = await ipbridge(['server', 'add', '--name', 'node1', '--password-stdin', '--json'], {
      env: app.env,
      input: 'canary-1\n',
    })
    const secretly = ['--adminpassword-env', 'LAB', '--address-space', 'lab']
    const connection = await run(['connection', 'add', '--name', 'lab', '--driver', 'builtin', ...secretly], {
      LAB: 'canary-2',
    })
    const shown = await run(['connection', 'show', 'lab'])
    const audit = await run(['audit', 'list', '--json'])
    expect(JSON.parse(server.out)).toMatchObject({ name: 'node1', secretsSet: ['password'] })
    expect(shown.out).toMatch(/^secretsSet +adminpassword$/m)
    for (const { code, out, err } of [server, connection, shown, audit]) {
      expect(code).toBe(0)
      expect(out + err).not.toContain('canary')
    }
    const { id, password } = await app.db.server.findUniqueOrThrow({ where: { name: 'node1' } })
    expect(app.vault.open(password ?? '', placeOf.serverPassword(id))).toBe('canary-1')
  })

  it('a connection that cannot be used says why, with exit code 1', async () => {
    const ok = await run(['connection', 'test', 'builtin'])
    expect(ok.code).toBe(0)
    expect(ok.out).toMatch(/^ok +true$/m)
    const unknown = await run(['connection', 'add', '--name', 'x', '--driver', 'nope'])
    expect(unknown.code).toBe(2)
    expect(unknown.err).toContain('driver must be one of builtin')
    expect((await run(['connection', 'test', 'nope'])).code).toBe(1)
  })

  it('a token is made, shown once, works, and is revoked', async () => {
    const { id, token } = await json(['token', 'add', '--role', 'admin', '--name', 'x'])
    expect(await app.desk.tokens.authenticate(token)).toMatchObject({ name: 'x', role: 'admin' })
    expect((await run(['token', 'list'])).out).not.toContain(token)
    expect((await run(['token', 'remove', id])).code).toBe(0)
    expect(await app.desk.tokens.authenticate(token)).toBeUndefined()
  })

  it('a service that exists already is entered, and is found by its id and by its address', async () => {
    const service = await json([
      ...['service', 'add', '--id', '7', '--kind', 'vps', '--client', 'c1', '--domain', 'a.example.net'],
      ...['--server', 'node1', '--addresses', '192.0.2.100,2001:db8::7'],
    ])
    expect(service.addresses).toMatchObject([{ address: '192.0.2.100' }, { address: '2001:db8::7' }])
    const list = await run(['service', 'list', '--client', 'c1'])
    const address = await json(['address', 'show', '2001:DB8:0::7'])
    expect(list.out).toMatch(/^7 +active +vps +c1 +a\.example\.net +node1 +192\.0\.2\.100, 2001:db8::7$/m)
    expect(address).toMatchObject({ address: '2001:db8::7', service: '7', history: [{ slot: 'main' }] })
  })

  it('operations are found by their state, retried and cancelled, with a reason', async () => {
    const [receipt] = await app.intake.accept([events.created({ id: 'cli-1' })], 'http')
    const id = receipt?.operations[0] ?? ''
    await app.db.$executeRaw`
      update operation set state = 'failed', ended_at = now(), announce_at = null, error_code = 'still_in_use', error_message = 'it is'
      where id = ${id}::uuid`
    expect((await run(['operation', 'list', '--state', 'failed'])).out).toContain('still_in_use: it is')
    const retried = await run(['operation', 'retry', id, '--reason', 'mended'])
    expect(retried).toMatchObject({ code: 0, out: `${id} is queued\n` })
    expect((await run(['operation', 'cancel', id])).code).toBe(0)
    expect(await json(['operation', 'show', id])).toMatchObject({ state: 'cancelled', service: 'cli-1' })
    const again = await run(['operation', 'cancel', id])
    expect(again.code).toBe(1)
    expect(again.err).toContain('wrong_state')
  })

  it('conflicts and webhooks are there as well', async () => {
    expect(await json(['conflict', 'list', '--open'])).toEqual({ items: [], next: null })
    const hook = await json([
      'webhook',
      'add',
      '--name',
      'core',
      '--url',
      'https://billing.example/x',
      '--allow-private',
    ])
    expect(hook).toMatchObject({ name: 'core', allowPrivate: true, secret: expect.stringMatching(/^whsec_/) })
    expect((await json(['webhook', 'rotate', 'core'])).secret).not.toBe(hook.secret)
    expect(await json(['webhook', 'deliveries', 'core', '--state', 'failed'])).toEqual({
      items: [],
      next: null,
    })
  })

  it('credentials are sealed anew with a new key in front', async () => {
    const rotated = {
      IPBRIDGE_SECRET: `${Buffer.alloc(32, 9).toString('base64')},${app.env['IPBRIDGE_SECRET']}`,
    }
    const { code, out } = await run(['secret', 'rotate'], rotated)
    expect({ code, out }).toEqual({ code: 0, out: '4 sealed anew\n' })
    expect((await app.desk.seals.list()).map(({ state }) => state)).toEqual(Array(4).fill('unreadable'))
    const wrong = await run(['secret', 'rotate'])
    expect(wrong.code).toBe(1)
    expect(wrong.out).toContain('server node1, password: no key of IPBRIDGE_SECRET opens it')
  })
})
