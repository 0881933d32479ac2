import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startVmmanager5 } from '../../src/simulators/vmmanager5/start.ts'
import { admin } from '../helpers/api.ts'
import { queueMissing, startTestApp, type TestApp } from '../helpers/app.ts'

const signal = new AbortController().signal

describe.skipIf(queueMissing)('the settings of a server with a panel', () => {
  let app: TestApp
  const good = {
    name: 'kvm1',
    panel: 'vmmanager5',
    url: 'https://kvm1.example.net:1500/vmmgr',
    login: 'admin',
    password: 'panel-password',
    connection: 'builtin',
  }

  beforeAll(async () => {
    app = await startTestApp({ work: false })
  })
  afterAll(() => app.shutDown())

  it.each([
    ['no URL', { url: undefined }, '/url', 'is missing'],
    ['a URL of something else', { url: 'https://kvm1.example.net:1500/ispmgr' }, '/url', '/vmmgr or /vemgr'],
    ['no password', { password: undefined }, '/password', 'is missing'],
    ['an option that there is not', { options: { wires: {} } }, '/options/wires', 'not a known field'],
    ['a spelling of nothing', { options: { wire: { gusts: 'vm' } } }, '/options/wire/gusts', 'not a known'],
    ['a function of no name', { options: { wire: { guests: '' } } }, '/options/wire/guests', 'not be empty'],
    ['a name that is the same for all', { options: { name: 'guest' } }, '/options/name', '{service}'],
    ['trust in nonsense', { tls: { fingerprint: 'abc' } }, '/tls/fingerprint', '64 hexadecimal digits'],
  ])('are refused with %s, and stored as they are otherwise', async (_, change, pointer, text) => {
    const refusal = { code: 'invalid_request', message: expect.stringContaining(text) }
    const faults = [{ pointer, message: expect.stringContaining(text) }]
    const bad = { ...good, ...change, name: 'bad' } as typeof good
    await expect(app.desk.servers.add(admin, bad)).rejects.toMatchObject({ ...refusal, faults })
    await expect(app.desk.servers.show('bad')).rejects.toMatchObject({ code: 'not_found' })
  })

  it('are checked as a whole when some of them change', async () => {
    await app.desk.servers.add(admin, good)
    const change = (input: object) => app.desk.servers.change(admin, 'kvm1', input)
    await expect(change({ url: 'https://kvm1.example.net' })).rejects.toMatchObject({
      code: 'invalid_request',
      faults: [{ pointer: '/url' }],
    })
    expect(await change({ options: { noPtr: 'free.ds' } })).toMatchObject({ options: { noPtr: 'free.ds' } })
  })

  it('are tested against the panel itself', async () => {
    const panel = await startVmmanager5()
    const change = (input: object) => app.desk.servers.change(admin, 'kvm1', input)
    await change({ url: panel.url })
    expect(await app.desk.servers.test('kvm1', signal)).toMatchObject({
      ok: true,
      remarks: ['admin sees 0 guests'],
    })
    await panel.stop()
    expect((await app.desk.servers.test('kvm1', signal)).ok).toBe(false)
  })
})
