import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { admin } from '../../helpers/api.ts'
import { queueMissing, startTestApp, type TestApp } from '../../helpers/app.ts'
import {
  type BillmanagerHost,
  type Forwarder,
  pythonMissing,
  startBillmanagerHost,
} from '../../helpers/billmanager.ts'
import { until } from '../../helpers/until.ts'

/** Each look at the panel starts a process, which may have to wait for its turn. */
const patienceMs = 60_000

describe.skipIf(queueMissing || pythonMissing)("BILLmanager's plugin", () => {
  let app: TestApp
  let server: Awaited<ReturnType<TestApp['serve']>>
  let host: BillmanagerHost
  let token: string
  let forwarder: Forwarder | undefined

  beforeAll(async () => {
    app = await startTestApp({ env: { PORT: '0' } })
    server = await app.serve()
    await app.desk.pools.add(admin, { name: 'v4', cidr: '10.0.0.0/16', connection: 'builtin' })
    await app.desk.servers.add(admin, { name: 'node1', panel: 'none', connection: 'builtin' })
    token = (await app.desk.tokens.add(admin, { name: 'billmanager', role: 'billing' })).token
    host = await startBillmanagerHost()
    await host.configure(server.url, token)
  })
  afterEach(async () => {
    await forwarder?.stop()
    forwarder = undefined
  })
  afterAll(async () => {
    await host.stop()
    await server.close()
    await app.shutDown()
  })

  /** Forwards what there is to forward. */
  async function forward(): Promise<{ code: number | null; said: string }> {
    const run = host.forwarder('--once')
    return { code: await run.ended, said: run.said }
  }
  const eventsOf = async (service: string) => {
    const { items } = await app.desk.journals.events({ limit: 1000 })
    return items
      .filter(({ data }) => JSON.stringify(data).includes(`"${service}"`))
      .map(({ type, data }) => ({ type, data: data as Record<string, unknown> }))
      .reverse()
  }
  const run = (
    func: string,
    more: Record<string, string>,
    document = '<doc><ok/></doc>\n',
    handler = host.handler,
  ) =>
    spawnSync(handler, {
      input: document,
      env: { PATH: '/usr/bin:/bin', PARAM_func: func, AUTH_USER: 'root', ...more },
      encoding: 'utf8',
    })

  it('prints the document unchanged and keeps what was submitted, but no passwords', async () => {
    const document = `<doc><a>ü&amp;</a>${'x'.repeat(200_000)}</doc>`
    const ran = run('vds.open', { PARAM_sok: 'ok', PARAM_elid: '1', PARAM_password: 'hunter2' }, document)
    expect(ran).toMatchObject({ status: 0, stdout: document, stderr: '' })
    const [name = ''] = (await host.spooled()).new
    expect(await readFile(join(host.spool, 'new', name), 'utf8')).toBe(
      'func=vds.open\0elid=1\0plid=\0domain=\0user=root\0',
    )
    await rm(join(host.spool, 'new', name))
  })

  it('has its note on the disk, under its name, before it answers', async () => {
    const log = join(host.root, 'done.log')
    const programs = join(host.root, 'watched')
    await mkdir(programs, { recursive: true })
    for (const name of ['dd', 'mv', 'cat']) {
      const text = `#!/bin/sh\necho "${name} $*" >>${log}\nPATH=/usr/bin:/bin exec ${name} "$@"\n`
      await writeFile(join(programs, name), text, { mode: 0o755 })
    }
    const before = (await host.spooled()).new
    const { status } = run('vds.edit', {
      PARAM_sok: 'ok',
      PARAM_elid: '5',
      PATH: `${programs}:/usr/bin:/bin`,
    })
    expect(status).toBe(0)
    const [name = ''] = (await host.spooled()).new.filter(one => !before.includes(one))
    const lines = (await readFile(log, 'utf8')).trim().split('\n')
    expect(lines.map(line => line.replaceAll(host.spool, 'SPOOL').replaceAll(name, 'NOTE'))).toEqual([
      'dd of=SPOOL/tmp/NOTE conv=fsync',
      'mv SPOOL/tmp/NOTE SPOOL/new/NOTE',
      'dd if=/dev/null of=SPOOL/new/NOTE conv=nocreat,notrunc,fsync',
      'cat',
    ])
    expect(await readFile(join(host.spool, 'new', name), 'utf8')).toContain('func=vds.edit\0elid=5\0')
    await rm(join(host.spool, 'new', name))
  })

  it('keeps nothing of a form that was merely opened', async () => {
    expect(run('vds.open', { PARAM_elid: '1' })).toMatchObject({ status: 0, stdout: '<doc><ok/></doc>\n' })
    expect((await host.spooled()).new).toEqual([])
  })

  it('prints the document even where nothing can be kept, and says so', async () => {
    const text = (await readFile(host.handler, 'utf8')).replace(/^spool=.*/m, 'spool=/nowhere')
    const broken = join(host.root, 'broken')
    await writeFile(broken, text, { mode: 0o755 })
    const env = { PATH: '/usr/bin:/bin', PARAM_func: 'vds.open', PARAM_sok: 'ok', PARAM_elid: '7' }
    const ran = spawnSync(broken, { input: '<doc/>', env, encoding: 'utf8' })
    expect(ran).toMatchObject({ status: 0, stdout: '<doc/>' })
    expect(ran.stderr).toContain('vds.open of 7 could not be kept')
  })

  it('returns within 50 ms, with ipbridge down', async () => {
    // Other tests keep the disk and the processors busy, which only adds to it: the least of some runs, on a spool in
    // memory, is what the handler takes.
    const spool = await mkdtemp('/dev/shm/ipbridge-spool-')
    for (const folder of ['tmp', 'new']) await mkdir(join(spool, folder))
    const text = (await readFile(host.handler, 'utf8')).replace(/^spool=.*/m, `spool=${spool}`)
    const quick = join(host.root, 'quick')
    await writeFile(quick, text, { mode: 0o755 })
    let least = Number.POSITIVE_INFINITY
    const until = performance.now() + 45_000
    while (least > 50 && performance.now() < until) {
      const began = performance.now()
      const { status, stderr } = run(
        'service.postclose',
        { PARAM_sok: 'ok', PARAM_elid: '999' },
        undefined,
        quick,
      )
      least = Math.min(least, performance.now() - began)
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    }
    expect(await readdir(join(spool, 'new'))).not.toEqual([])
    await rm(spool, { recursive: true })
    expect(least).toBeLessThan(50)
  }, 60_000)

  it('tells of a service that was opened, with all its addresses', async () => {
    const id = host.panel.billing.order({
      domain: 'a.example.net',
      slots: [
        { main: true },
        { type: 'Public IPv6', main: true },
        { domain: 'mail.a.example.net' },
        { type: 'Private IPv4' },
      ],
    })
    const runs = host.panel.hooks.runs()
    expect(runs.at(-1)).toMatchObject({ event: 'vds.open', code: 0, unchanged: true, stderr: '' })
    expect(await forward()).toEqual({ code: 0, said: '' })
    const [, , extra] = host.panel.billing.slots(id)
    expect(await eventsOf(id)).toEqual([
      {
        type: 'service.created',
        data: {
          service: { id, kind: 'vps', client: '77', domain: 'a.example.net', server: 'node1' },
          addresses: [
            { family: 'ipv4', count: 1 },
            { family: 'ipv6', count: 1 },
          ],
        },
      },
      {
        type: 'ip.ordered',
        data: { service: id, order: extra?.id, family: 'ipv4', count: 1, ptr: 'mail.a.example.net' },
      },
    ])
  })

  it(
    'tells of an extra address once it is there to be filled, of its PTR once it is filled',
    async () => {
      await host.configure(server.url, token, { table: { look_again_seconds: 0.1 } })
      const id = host.panel.billing.order({ domain: 'b.example.net' })
      await forward()
      host.panel.panel.behave({ slotAfterPolls: 2 })
      host.panel.billing.call('service.ip.edit', { plid: id, type: '7', count: '1', sok: 'ok' })
      const slot = host.panel.billing.slots(id)[1]?.id ?? ''
      forwarder = host.forwarder()
      const hasTold = async (type: string) => (await eventsOf(id)).find(event => event.type === type)
      await until('the order is told', () => hasTold('ip.ordered'), patienceMs)
      const change = { elid: slot, plid: id, domain: 'mail.b.example.net.', sok: 'ok' }
      host.panel.billing.call('service.ip.edit', change)
      const list = () => host.panel.panel.traffic()['service.ip']?.count ?? 0
      const looks = list()
      await until('it has looked for the address', () => list() > looks + 1, patienceMs)
      expect((await host.spooled()).new).toHaveLength(1)
      host.panel.billing.call('service.ip.add', { elid: slot, ip: '10.0.99.1', sok: 'ok' })
      const changed = await until('the PTR is told', () => hasTold('ptr.changed'), patienceMs)
      expect(changed.data).toEqual({ service: id, address: '10.0.99.1', ptr: 'mail.b.example.net' })
      host.panel.panel.behave({ slotAfterPolls: 0 })
      await host.configure(server.url, token)
    },
    3 * patienceMs,
  )

  it('drops an order of which nothing came for long, and sets aside what is no note', async () => {
    await host.configure(server.url, token, { table: { look_for_seconds: -3_600 } })
    const id = host.panel.billing.order({ domain: 'p.example.net' })
    host.panel.panel.behave({ slotAfterPolls: 100 })
    host.panel.billing.call('service.ip.edit', { plid: id, type: '7', count: '1', sok: 'ok' })
    await writeFile(join(host.spool, 'new', '17-1'), 'what is this')
    const { code, said } = await forward()
    expect(code).toBe(0)
    expect(said).toContain(`is dropped: service ${id} has no address that waits to be filled`)
    expect(said).toContain('17-1 is set aside: 17-1 is no note of the handler')
    expect(await host.spooled()).toEqual({ new: [], out: [], refused: ['17-1', '17-1.reason'] })
    for (const name of ['17-1', '17-1.reason']) await rm(join(host.spool, 'refused', name))
    host.panel.panel.behave({ slotAfterPolls: 0 })
    await host.configure(server.url, token)
  })

  it('tells of addresses that are no longer wanted, and of services that are closed', async () => {
    const id = host.panel.billing.order({ domain: 'c.example.net', slots: [{ main: true }, {}] })
    const slot = host.panel.billing.slots(id)[1]?.id
    host.panel.billing.call('service.ip.delete', { plid: id, elid: slot ?? '' })
    host.panel.billing.call('vds.delete', { elid: id })
    host.panel.modules.work()
    await forward()
    // It is closed by now, so nothing is allocated any more.
    expect(await eventsOf(id)).toEqual([
      { type: 'ip.cancelled', data: { service: id, order: slot } },
      { type: 'service.deleted', data: { service: id } },
    ])
  })

  it('says nothing of what ipbridge itself did in the panel', async () => {
    const before = (await app.desk.journals.events({ limit: 1 })).items[0]?.id
    run('vds.open', { PARAM_sok: 'ok', PARAM_elid: '1001', AUTH_USER: 'ipbridge' })
    await forward()
    expect((await app.desk.journals.events({ limit: 1 })).items[0]?.id).toBe(before)
    expect(await host.spooled()).toEqual({ new: [], out: [], refused: [] })
  })

  it('keeps everything while ipbridge is away, and tells it once', async () => {
    await host.configure('http://127.0.0.1:9', token)
    const id = host.panel.billing.order({ domain: 'd.example.net' })
    const { code, said } = await forward()
    expect(code).toBe(1)
    expect(said).toContain('ipbridge at http://127.0.0.1:9 cannot be reached')
    expect((await host.spooled()).out).toHaveLength(1)
    await host.configure(server.url, token)
    // As if it had been killed before it could tell that the events were taken.
    const [name = ''] = (await host.spooled()).out
    const text = await readFile(join(host.spool, 'out', name), 'utf8')
    await forward()
    await writeFile(join(host.spool, 'out', name), text)
    expect(await forward()).toEqual({ code: 0, said: '' })
    expect((await eventsOf(id)).map(({ type }) => type)).toEqual(['service.created'])
  })

  it('keeps everything while the panel cannot be asked', async () => {
    const id = host.panel.billing.order({ domain: 'e.example.net' })
    host.panel.faults.add({ what: 'error', func: 'vds', error: { type: 'license' } })
    expect(await forward()).toMatchObject({
      code: 1,
      said: expect.stringContaining('vds was refused: license()'),
    })
    host.panel.faults.clear()
    await forward()
    expect(await eventsOf(id)).toHaveLength(1)
  })

  it('sets aside what ipbridge refuses, goes on, and sends it again when told to', async () => {
    const other = { id: '9', name: 'node9' }
    const [bad, good] = [
      host.panel.billing.order({ domain: 'f.example.net', module: other }),
      host.panel.billing.order({ domain: 'g.example.net' }),
    ]
    const { code, said } = await forward()
    expect(code).toBe(0)
    expect(said).toContain('is set aside: ipbridge answered 422:')
    expect(said).toContain('"node9" is not a known server')
    expect(await eventsOf(good)).toHaveLength(1)
    const { refused } = await host.spooled()
    expect(refused.map(name => name.replace(/^.*\.json/, ''))).toEqual(
      expect.arrayContaining(['', '.reason']),
    )
    await app.desk.servers.add(admin, { name: 'node9', panel: 'none', connection: 'builtin' })
    await host.forwarder('--retry-refused').ended
    await forward()
    expect(await eventsOf(bad)).toHaveLength(1)
    expect((await host.spooled()).refused).toEqual([])
  })

  it('knows servers by the names that its configuration gives them, and leaves some alone', async () => {
    await host.configure(server.url, token, { servers: { 17: 'node1', Elsewhere: null } })
    const [mapped, left] = [
      host.panel.billing.order({ domain: 'h.example.net', module: { id: '17', name: 'VMmanager KVM' } }),
      host.panel.billing.order({ domain: 'i.example.net', module: { id: '18', name: 'Elsewhere' } }),
    ]
    await forward()
    expect(await eventsOf(mapped)).toMatchObject([{ data: { service: { server: 'node1' } } }])
    expect(await eventsOf(left)).toEqual([])
    await host.configure(server.url, token)
  })

  it('finds a service also where the edition lacks some of the lists', async () => {
    const id = host.panel.billing.order({ domain: 'j.example.net' })
    await forward()
    await host.configure(server.url, token, { table: { kinds: { absent: 'colocation', vds: 'vps' } } })
    run('service.postreopen', { PARAM_sok: 'ok', PARAM_elid: id })
    expect(await forward()).toEqual({ code: 0, said: '' })
    expect((await eventsOf(id)).map(({ type }) => type)).toEqual(['service.created', 'service.created'])
    await host.configure(server.url, token)
  })

  it('says nothing of a service that is suspended and resumed, which keeps its addresses', async () => {
    const id = host.panel.billing.order({ domain: 'k.example.net' })
    await forward()
    for (const func of ['vds.suspend', 'vds.resume', 'service.suspend', 'service.resume'])
      run(func, { PARAM_sok: 'ok', PARAM_elid: id })
    expect(await forward()).toEqual({ code: 0, said: '' })
    expect(await eventsOf(id)).toHaveLength(1)
    expect((await app.desk.services.show(admin, id)).state).toBe('active')
  })

  it('refuses a configuration that cannot be right, and a second forwarder', async () => {
    await host.configure(server.url, token, { table: { kind: {} } })
    const wrong = host.forwarder('--once')
    expect(await wrong.ended).toBe(1)
    expect(wrong.said).toContain('table has no kind; it has address, addresses, events')
    await host.configure(server.url, token)
    forwarder = host.forwarder()
    await until('it has the lock', async () => (await readdir(host.spool)).includes('lock'), patienceMs)
    await until('a second one is refused', async () => {
      const second = host.forwarder('--once')
      return (await second.ended) === 1 && second.said.includes('another forwarder is at work')
    })
  })
})
