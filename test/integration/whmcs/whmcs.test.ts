import { spawn, spawnSync } from 'node:child_process'
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packageRoot } from '../../../src/package-root.ts'
import { admin } from '../../helpers/api.ts'
import { queueMissing, startTestApp, type TestApp } from '../../helpers/app.ts'
import { until } from '../../helpers/until.ts'

const php = spawnSync('php', ['-r', 'exit(function_exists("curl_init") ? 0 : 1);']).status === 0
if (!php && process.env['CI'])
  throw new Error('php with curl is not installed: CI must run the tests of the WHMCS hooks')

interface Ran {
  answers: unknown[]
  api: [string, Record<string, unknown>][]
  log: string[]
}

describe.skipIf(queueMissing || !php)('In WHMCS', () => {
  let app: TestApp
  let server: Awaited<ReturnType<TestApp['serve']>>
  let folder: string
  let token: string

  beforeAll(async () => {
    app = await startTestApp({ env: { PORT: '0' } })
    server = await app.serve()
    await app.desk.pools.add(admin, {
      name: 'v4',
      cidr: '192.0.2.0/28',
      quarantineSeconds: 0,
      connection: 'builtin',
    })
    await app.desk.servers.add(admin, { name: 'node1', panel: 'none', connection: 'builtin' })
    token = (await app.desk.tokens.add(admin, { name: 'whmcs', role: 'billing' })).token
    folder = await mkdtemp(join(tmpdir(), 'ipbridge-whmcs-'))
    await cp(join(packageRoot, 'integrations', 'whmcs'), folder, { recursive: true })
    await configure(server.url)
  })
  afterAll(async () => {
    await server.close()
    await app.shutDown()
    await rm(folder, { recursive: true, force: true })
  })

  async function configure(url: string): Promise<void> {
    const config = `<?php return [
      'url' => '${url}', 'token' => '${token}', 'source' => '/whmcs/test', 'wait' => 10,
      'products' => [12 => ['kind' => 'vps'], 13 => ['kind' => 'vps', 'addresses' => [['family' => 'ipv4', 'count' => 20]]]],
      'servers' => [3 => 'node1'], 'addons' => [5 => ['family' => 'ipv4', 'count' => 2]],
      'spool' => __DIR__ . '/spool',
    ];`
    await writeFile(join(folder, 'includes', 'ipbridge', 'config.php'), config)
  }

  async function run(hook: string, vars: unknown, products: Record<string, unknown> = {}): Promise<Ran> {
    const harness = join(packageRoot, 'test', 'integration', 'whmcs', 'harness.php')
    const child = spawn('php', [harness, folder], { stdio: ['pipe', 'pipe', 'inherit'] })
    child.stdin.end(JSON.stringify({ hook, vars, products }))
    return JSON.parse(await text(child.stdout))
  }

  const module = (serviceid: number, more: object = {}) => ({
    params: { serviceid, userid: 77, pid: 12, serverid: 3, domain: `s${serviceid}.example.net`, ...more },
  })
  const addressesOf = async (service: number) =>
    (await app.desk.services.show(admin, `whmcs-test-${service}`)).addresses
      .filter(({ state }) => state === 'active')
      .map(({ address }) => address)
  const spooled = async () =>
    (await readdir(join(folder, 'includes', 'ipbridge', 'spool')).catch(() => [])).filter(name =>
      name.endsWith('.json'),
    )

  it('a service gets its address before its account is created', async () => {
    const { answers, api, log } = await run('PreModuleCreate', module(1))
    const [address] = await addressesOf(1)
    expect(log).toEqual([])
    expect(answers).toEqual([{ dedicatedip: address, assignedips: '' }])
    expect(api).toEqual([['UpdateClientProduct', { serviceid: 1, dedicatedip: address, assignedips: '' }]])
  })

  it('a second try gets the same address', async () => {
    const first = await run('PreModuleCreate', module(2))
    const second = await run('PreModuleCreate', module(2))
    expect(second.answers).toEqual(first.answers)
  })

  it('the account that was not created gives its address back', async () => {
    await run('PreModuleCreate', module(3))
    await run('AfterModuleCreateFailed', module(3))
    await until('the address is back', async () => (await addressesOf(3)).length === 0)
  })

  it('an account that runs keeps its addresses when somebody creates it once more, and that fails', async () => {
    await run('PreModuleCreate', module(13))
    const had = await addressesOf(13)
    const runs = { 13: { pid: 12, clientid: 77, domain: 's13.example.net', serverid: 3, status: 'Active' } }
    const { api } = await run('AfterModuleCreateFailed', module(13), runs)
    expect(api.map(([command]) => command)).toEqual(['GetClientsProducts'])
    await configure('http://127.0.0.1:1')
    const { answers } = await run('PreModuleCreate', module(13), runs)
    expect(answers).toEqual([{ abortcmd: true }])
    await configure(server.url)
    expect(await spooled()).toEqual([])
    expect(await addressesOf(13)).toEqual(had)
    const { items } = await app.desk.journals.events({ limit: 1000 })
    const told = items.filter(({ data }) => JSON.stringify(data).includes('whmcs-test-13'))
    expect(told.map(({ type }) => type)).toEqual(['service.created'])
  })

  it('the fields are right also when the module wrote others', async () => {
    await run('PreModuleCreate', module(4))
    const { api } = await run('AfterModuleCreate', module(4))
    const [address] = await addressesOf(4)
    expect(api).toEqual([['UpdateClientProduct', { serviceid: 4, dedicatedip: address, assignedips: '' }]])
  })

  it('no account is created without an address', async () => {
    const { answers, log } = await run('PreModuleCreate', module(5, { pid: 13 }))
    expect(answers).toEqual([{ abortcmd: true }])
    expect(log[0]).toContain('service 5 is not created, since it has no address')
    await until('nothing is left of it', async () => (await addressesOf(5)).length === 0)
  })

  it('no account is created on a server that ipbridge does not know', async () => {
    const { answers, log } = await run(
      'PreModuleCreate',
      module(6, { serverid: 9, serverhostname: 'elsewhere' }),
    )
    expect(answers).toEqual([{ abortcmd: true }])
    expect(log[0]).toContain('"elsewhere" is not a known server')
  })

  it('products without addresses are left alone', async () => {
    expect(await run('PreModuleCreate', module(7, { pid: 99 }))).toEqual({ answers: [[]], api: [], log: [] })
  })

  it('an add-on is two more addresses, until it ends', async () => {
    await run('PreModuleCreate', module(8))
    const { api } = await run('AddonActivation', { id: 41, addonid: 5, serviceid: 8, userid: 77 })
    const three = await addressesOf(8)
    expect(three).toHaveLength(3)
    expect(api.at(-1)?.[1]).toMatchObject({ serviceid: 8, dedicatedip: three[0] })
    await run('AddonTerminated', { id: 41, addonid: 5, serviceid: 8, userid: 77 })
    await until('one is left', async () => (await addressesOf(8)).length === 1)
  })

  it('a terminated service gives its addresses back, and its fields are emptied', async () => {
    await run('PreModuleCreate', module(9))
    const { api } = await run('AfterModuleTerminate', module(9))
    expect(api).toEqual([['UpdateClientProduct', { serviceid: 9, unset: ['dedicatedip', 'assignedips'] }]])
    await until('the address is back', async () => (await addressesOf(9)).length === 0)
  })

  it('a changed domain renames the address', async () => {
    await run('PreModuleCreate', module(10))
    const product = { pid: 12, clientid: 77, domain: 'new.example.net', serverid: 3, status: 'Active' }
    await run('ServiceEdit', { serviceid: 10 }, { 10: product })
    await until('the PTR has followed', async () => {
      const { addresses } = await app.desk.services.show(admin, 'whmcs-test-10')
      return addresses.some(({ ptr }) => ptr === 'new.example.net')
    })
  })

  it('nothing is lost while the token is of the wrong role: it is told later', async () => {
    await run('PreModuleCreate', module(14))
    const right = token
    token = (await app.desk.tokens.add(admin, { name: 'whmcs-viewer', role: 'viewer' })).token
    await configure(server.url)
    const { log } = await run('AfterModuleTerminate', module(14))
    expect(log).toEqual([])
    expect(await spooled()).toHaveLength(1)
    expect((await run('PreCronJob', {})).log).toEqual(['ipbridge: 1 events could not be told yet'])
    token = right
    await configure(server.url)
    expect((await run('PreCronJob', {})).log).toEqual([])
    await until('the address is back', async () => (await addressesOf(14)).length === 0)
  })

  it('nothing is lost while ipbridge is away: it is told later', async () => {
    await run('PreModuleCreate', module(11))
    await configure('http://127.0.0.1:1')
    const { log } = await run('AfterModuleTerminate', module(11))
    expect(log).toEqual([])
    expect(await spooled()).toHaveLength(1)
    const { answers } = await run('PreModuleCreate', module(12))
    expect(answers).toEqual([{ abortcmd: true }])
    expect((await run('PreCronJob', {})).log).toEqual(['ipbridge: 2 events could not be told yet'])

    await configure(server.url)
    expect((await run('PreCronJob', {})).log).toEqual([])
    expect(await spooled()).toEqual([])
    await until('the address is back', async () => (await addressesOf(11)).length === 0)
  })
})
