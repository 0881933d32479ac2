import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ask, bill, billAdmin, type Ipmanager, post, startIpmanager } from '../../helpers/ipmanager.ts'

let panel: Ipmanager
let clock: number
beforeEach(async () => {
  clock = Date.parse('2026-01-01T00:00:00Z')
  panel = await startIpmanager({ now: () => clock })
})
afterEach(() => panel.stop())

const whoami = (params: Record<string, string>) => ask(panel.url, { func: 'whoami', ...params })
const signIn = async (name = 'bill', password = 'bill-password') =>
  (await ask(panel.url, { func: 'auth', username: name, password })).auth.$ as string
const refused = { error: { $type: 'auth' } }

describe('authinfo', () => {
  it('signs in for one call', async () => {
    expect(await whoami({ authinfo: bill })).toMatchObject({ user: { $: 'bill', $level: '16' } })
    expect(await whoami({ authinfo: billAdmin })).toMatchObject({ user: { $: 'bill_admin', $level: '29' } })
  })

  it('takes everything after the first colon as the password', async () => {
    panel.users.setPassword('bill', 'a:b&c=d é')
    expect(await whoami({ authinfo: 'bill:a:b&c=d é' })).toHaveProperty('user')
  })

  it.each(['bill:wrong', 'nobody:x', 'bill', ''])('of "%s" is refused as a bad password', async authinfo => {
    expect(await whoami({ authinfo })).toMatchObject({
      error: { $type: 'auth', $object: 'badpassword', param: [{}, { $: 'remote_addr: [127.0.0.1]' }] },
    })
  })

  it('is refused from an address that the account does not list', async () => {
    const user = { name: 'far', password: 'p', level: 16, rights: [], hidden: [] }
    panel.users.put({ ...user, apiFrom: ['192.0.2.0/24'] })
    expect(await whoami({ authinfo: 'far:p' })).toMatchObject(refused)
    panel.users.put({ ...user, apiFrom: ['192.0.2.0/24', '127.0.0.0-127.0.0.9'] })
    expect(await whoami({ authinfo: 'far:p' })).toHaveProperty('user')
  })
})

describe('Lists of addresses that may sign in', () => {
  const account = { name: 'far', password: 'p', level: 16, rights: [], hidden: [] }
  const session = () => ask(panel.url, { func: 'auth', username: 'far', password: 'p' })

  it('keep authinfo out for everybody, where the panel restricts it', async () => {
    panel.panel.behave({ restrictAuthinfo: ['192.0.2.0/24'] })
    expect(await whoami({ authinfo: bill })).toMatchObject(refused)
    expect(await whoami({ auth: await signIn() })).toHaveProperty('user')
    panel.panel.behave({ restrictAuthinfo: ['192.0.2.0/24', '127.0.0.1'] })
    expect(await whoami({ authinfo: bill })).toHaveProperty('user')
  })

  it('keep an account out in every way, where it may use the panel from them only', async () => {
    panel.users.put({ ...account, panelFrom: ['192.0.2.0/24'] })
    expect(await session()).toMatchObject(refused)
    expect(await whoami({ authinfo: 'far:p' })).toMatchObject(refused)
    panel.users.put({ ...account, panelFrom: ['127.0.0.0/8'] })
    expect(await session()).toHaveProperty('auth')
  })
})

describe('A session', () => {
  it('comes as the captured document, with its level, and as a cookie', async () => {
    const { body, cookie } = await post(panel.url, {
      func: 'auth',
      username: 'bill',
      password: 'bill-password',
      out: 'xml',
    })
    const [, id] = body.match(/<auth id="([0-9a-f]{24})" level="16">\1<\/auth>/) ?? []
    expect(cookie).toBe(`ipmgrses5=${id}; path=/; HttpOnly`)
    expect(body).toContain('<tparams><func>auth</func><username>bill</username><out>xml</out></tparams>')
  })

  it('lives for an hour without being used', async () => {
    const auth = await signIn()
    clock += 3_500_000
    expect(await whoami({ auth })).toHaveProperty('user')
    clock += 3_500_000
    expect(await whoami({ auth })).toHaveProperty('user')
    clock += 3_700_000
    expect(await whoami({ auth })).toMatchObject(refused)
  })

  it('ends when it is ended, and nobody signs in without one', async () => {
    const auth = await signIn()
    expect(panel.users.expireSessions('bill')).toBe(1)
    expect(await whoami({ auth })).toMatchObject(refused)
    expect(await whoami({})).toMatchObject(refused)
  })

  it('is good for the address only that opened it, unless the panel is set otherwise', async () => {
    const everywhere = await startIpmanager({ host: '0.0.0.0' })
    const { port } = new URL(everywhere.url)
    const url = `http://127.0.0.1:${port}/ipmgr`
    const { auth } = await ask(url, { func: 'auth', username: 'bill', password: 'bill-password' })
    const elsewhere = async () =>
      JSON.parse(
        (await post(url, { func: 'whoami', auth: auth.$, out: 'json' }, { localAddress: '127.0.0.2' })).body,
      ).doc
    expect(await elsewhere()).toMatchObject(refused)
    everywhere.panel.behave({ bindSessions: false })
    expect(await elsewhere()).toHaveProperty('user')
    await everywhere.stop()
  })
})

describe('A key of an administrator', () => {
  const key = '1234567890qwertyuiop'

  it('signs in as somebody else, once', async () => {
    expect(
      await ask(panel.url, { authinfo: billAdmin, func: 'session.newkey', username: 'bill', key }),
    ).toHaveProperty('ok')
    const withKey = () => ask(panel.url, { func: 'auth', username: 'bill', key, checkcookie: 'no' })
    const { auth } = await withKey()
    expect(await whoami({ auth: auth.$ })).toMatchObject({ user: { $: 'bill' } })
    expect(await withKey()).toMatchObject(refused)
  })

  it('is for that user, and has at least 16 characters', async () => {
    const lay = (params: Record<string, string>) =>
      ask(panel.url, { func: 'session.newkey', username: 'bill', key, ...params })
    expect(await lay({ authinfo: billAdmin, key: 'short' })).toMatchObject({
      error: { $type: 'value', $object: 'key' },
    })
    expect(await lay({ authinfo: bill })).toMatchObject({ error: { $type: 'access' } })
    await lay({ authinfo: billAdmin })
    expect(await ask(panel.url, { func: 'auth', username: 'bill_admin', key })).toMatchObject(refused)
  })
})

describe('Rights', () => {
  it('let an administrator act as another user with `su`', async () => {
    expect(await whoami({ authinfo: billAdmin, su: 'bill' })).toMatchObject({ user: { $: 'bill' } })
    expect(await whoami({ authinfo: bill, su: 'bill_admin' })).toMatchObject({ error: { $type: 'access' } })
  })

  it('keep ordinary users from what is an administrator’s', async () => {
    expect(await ask(panel.url, { authinfo: bill, func: 'user' })).toMatchObject({
      error: { $type: 'access', $object: 'user' },
    })
    expect(await ask(panel.url, { authinfo: bill, func: 'nonsense' })).toMatchObject({
      error: { $type: 'missed', $object: 'func' },
    })
  })

  it('are managed with `user.edit`, as the known installer does it', async () => {
    const edit = (params: Record<string, string>) =>
      ask(panel.url, { authinfo: billAdmin, func: 'user.edit', sok: 'ok', ...params })
    expect(await edit({ name: 'new', passwd: 'p', confirm: 'p' })).toMatchObject({ id: { $: 'new' }, ok: {} })
    expect(await whoami({ authinfo: 'new:p' })).toMatchObject({ user: { $level: '16' } })
    expect(await edit({ name: 'new', passwd: 'p', confirm: 'p' })).toMatchObject({
      error: { $type: 'exists' },
    })
    expect(await edit({ name: 'x', passwd: 'p', confirm: 'q' })).toMatchObject({
      error: { $object: 'confirm' },
    })
    expect(await edit({ elid: 'new', level: '29' })).toHaveProperty('ok')
    expect(await ask(panel.url, { authinfo: 'new:p', func: 'user' })).toMatchObject({ p_elems: { $: '3' } })
  })
})
