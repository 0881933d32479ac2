import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ask, bill, billAdmin, type Ipmanager, startIpmanager } from '../../helpers/ipmanager.ts'

let panel: Ipmanager
beforeEach(async () => {
  panel = await startIpmanager()
})
afterEach(() => panel.stop())

const asUser = (params: Record<string, string>) => ask(panel.url, { authinfo: bill, ...params })
const asAdmin = (params: Record<string, string>) => ask(panel.url, { authinfo: billAdmin, ...params })
const request = (params: Record<string, string> = {}) =>
  asUser({ func: 'ip.edit', sok: 'ok', family: 'ipv4', iptype: 'public', ...params })

describe('A request for an address', () => {
  it('is answered with the next free one, under `ip` and `id`', async () => {
    const doc = await request({ domain: 'vds123.example.net', ip: '', note: 'ours' })
    expect(doc).toMatchObject({ ip: { $: '203.0.113.2' }, id: { $: '203.0.113.2' }, ok: {} })
    expect(panel.books.look('203.0.113.2')).toMatchObject({
      owner: 'bill',
      iptype: 'public',
      domain: 'vds123.example.net.',
      note: 'ours',
      status: 'used',
    })
  })

  it('never gets a network, broadcast or gateway address, nor a hidden one', async () => {
    const small = await startIpmanager({
      state: {
        networks: [{ cidr: '192.0.2.0/28', gateway: '192.0.2.1' }],
        users: [
          {
            name: 'bill',
            password: 'bill-password',
            level: 16,
            rights: [{ range: '192.0.2.0/28', iptype: 'public' }],
            hidden: ['192.0.2.8/30'],
          },
        ],
      },
    })
    const take = () => ask(small.url, { authinfo: bill, func: 'ip.edit', sok: 'ok' })
    const got: string[] = []
    for (let n = 0; n < 9; n++) got.push((await take()).ip.$)
    expect(got.map(ip => Number(ip.split('.')[3]))).toEqual([2, 3, 4, 5, 6, 7, 12, 13, 14])
    expect(await take()).toMatchObject({ error: { $type: 'missed', $object: 'ip' } })
    await small.stop()
  })

  it('gets a hidden address when it names it, or its network', async () => {
    expect((await request({ ip: '203.0.113.250' })).ip.$).toBe('203.0.113.250')
    expect((await request({ ip: '203.0.113.240/28' })).ip.$).toBe('203.0.113.240')
  })

  it('names an address that is taken, and is told so', async () => {
    await request({ ip: '203.0.113.7' })
    expect(await request({ ip: '203.0.113.7' })).toMatchObject({ error: { $type: 'exists', $object: 'ip' } })
  })

  it('names an address outside the rights, and is refused', async () => {
    expect(await request({ ip: '192.0.2.1' })).toMatchObject({ error: { $type: 'value', $object: 'ip' } })
  })

  it('gets one of the family and the group that it wants', async () => {
    expect((await request({ family: 'ipv6' })).ip.$).toBe('2001:db8:5::2')
    expect((await request({ iptype: 'alias' })).ip.$).toBe('198.51.100.2')
    expect(await request({ iptype: 'lan' })).toMatchObject({ error: { $type: 'value', $object: 'iptype' } })
    expect(await request({ family: 'ipx' })).toMatchObject({ error: { $type: 'value', $object: 'family' } })
  })

  it('is refused with a name that is no host name', async () => {
    expect(await request({ domain: 'a b' })).toMatchObject({ error: { $type: 'value', $object: 'domain' } })
    expect(panel.books.held()).toEqual([])
  })

  it('finds a returned address free again', async () => {
    await request()
    await request()
    await asUser({ func: 'ip.delete', elid: '203.0.113.2' })
    expect((await request()).ip.$).toBe('203.0.113.2')
  })
})

describe('An exhausted pool', () => {
  it.each(['missed', 'limit', 'value'])('is told as %s(ip), as the panel is set', async type => {
    panel.panel.behave({ exhausted: { type, object: 'ip' } })
    panel.books.fill({ range: '203.0.113.2-203.0.113.254', owner: 'other', iptype: 'public' })
    expect(await request()).toMatchObject({ error: { $type: type, $object: 'ip' } })
  })

  it('is told as limit(ip) when it is the user who has enough', async () => {
    panel.users.put({
      name: 'small',
      password: 'p',
      level: 16,
      limit: 1,
      hidden: [],
      rights: [{ range: '203.0.113.0/24', iptype: 'public' }],
    })
    const again = () => ask(panel.url, { authinfo: 'small:p', func: 'ip.edit', sok: 'ok' })
    expect(await again()).toMatchObject({ ok: {} })
    expect(await again()).toMatchObject({ error: { $type: 'limit', $object: 'ip' } })
  })
})

describe('The list of addresses', () => {
  it('shows a user the own ones with the four documented columns', async () => {
    await request({ domain: 'a.example', note: 'n' })
    panel.drift.grant('203.0.113.9', { owner: 'other', iptype: 'public' })
    const doc = await asUser({ func: 'ip' })
    expect(doc.p_elems.$).toBe('1')
    expect(doc.elem).toEqual({
      ip: { $: '203.0.113.2' },
      domain: { $: 'a.example.' },
      iptype: { $orig: 'public', $: 'Public addresses' },
      note: { $: 'n' },
    })
  })

  it('shows an administrator all of them, with owner and status', async () => {
    panel.drift.grant('203.0.113.9', { owner: 'other', iptype: 'alias' })
    const doc = await asAdmin({ func: 'ip' })
    expect(doc.elem).toEqual({
      ip: { $: '203.0.113.9' },
      domain: {},
      iptype: { $: 'alias' },
      note: {},
      owner: { $: 'other' },
      status: { $orig: '2', $: 'Used' },
    })
  })

  it('comes in pages, in address order', async () => {
    panel.books.fill({
      range: '203.0.113.10-203.0.113.19',
      owner: 'bill',
      iptype: 'public',
      domain: 'h{n}.example.',
      note: 'n{n:3} {ip}',
    })
    panel.drift.grant('203.0.113.9', { owner: 'bill', iptype: 'public' })
    panel.drift.rename('203.0.113.12', 'changed.example')
    const page = await asUser({ func: 'ip', p_cnt: '4', p_num: '2' })
    expect(page).toMatchObject({ p_elems: { $: '11' }, p_num: { $: '2' }, p_cnt: { $: '4' } })
    expect(page.elem.map((row: { domain: { $: string } }) => row.domain.$)).toEqual([
      'h3.example.',
      'h4.example.',
      'h5.example.',
      'h6.example.',
    ])
    expect(page.elem[0].note.$).toBe('n003 203.0.113.13')
    expect((await asUser({ func: 'ip', p_cnt: '4', p_num: '3' })).elem).toHaveLength(3)
    expect((await asUser({ func: 'ip', p_cnt: '4', p_num: '4' })).elem).toBeUndefined()
  })
})

describe('A million addresses', () => {
  it('are listed page by page, and the last page costs no more than the first', async () => {
    const count = panel.books.fill({
      range: '10.0.0.0-10.15.66.63',
      from: 1,
      owner: 'bill',
      iptype: 'public',
      note: 'ipb:00000000-0000-7000-8000-{n:12}',
    })
    expect(count).toBe(1_000_000)
    panel.drift.note('10.15.66.62', 'changed')
    panel.drift.release('10.8.0.0')
    const page = await asAdmin({ func: 'ip', p_cnt: '1000', p_num: '1000' })
    expect(page.p_elems.$).toBe('999999')
    expect(page.elem).toHaveLength(999)
    expect(page.elem.slice(-2)).toMatchObject([
      { ip: { $: '10.15.66.62' }, note: { $: 'changed' } },
      { ip: { $: '10.15.66.63' }, note: { $: 'ipb:00000000-0000-7000-8000-000001000000' } },
    ])
  })
})

describe('The traffic', () => {
  it('is counted by function, with the most that were under way at once', async () => {
    panel.faults.add({ what: 'slow', ms: 50, func: 'ip.edit' })
    await Promise.all([request(), request(), request()])
    panel.faults.clear()
    await request()
    expect(panel.panel.traffic()).toEqual({ 'ip.edit': { count: 4, atOnce: 3 } })
  })

  it('that comes all at once doubles nothing', async () => {
    const docs = await Promise.all(Array.from({ length: 50 }, () => request()))
    expect(new Set(docs.map(doc => doc.ip.$)).size).toBe(50)
  })
})

describe('A function that the panel does not have', () => {
  it.each(['nothing', 'constructor', '__proto__', 'toString', 'hasOwnProperty'])(
    'is refused, and the panel goes on (%s)',
    async func => {
      expect(await asAdmin({ func })).toMatchObject({ error: { $type: 'missed', $object: 'func' } })
      const doc = await asAdmin({ func: 'whoami', constructor: 'x' })
      expect(doc).toMatchObject({ user: {}, tparams: { constructor: { $: 'x' } } })
    },
  )
})

describe('The rights of a user', () => {
  it('are shown to an administrator, range by range', async () => {
    const { elem } = await asAdmin({ func: 'user.perm', elid: 'bill' })
    expect(elem).toHaveLength(3)
    expect(elem[1]).toMatchObject({ iprange: { $: '198.51.100.0/25' }, iptype: { $: 'alias' } })
    expect(await asUser({ func: 'user.perm', elid: 'bill' })).toMatchObject({ error: { $type: 'access' } })
    expect(await asAdmin({ func: 'user.perm', elid: 'nobody' })).toMatchObject({ error: { $type: 'missed' } })
  })

  it('may be widened to what was hidden, which is then handed out', async () => {
    const user = { name: 'u', password: 'p', rights: [{ range: '203.0.113.16/30', iptype: 'public' }] }
    const take = () => ask(panel.url, { authinfo: 'u:p', func: 'ip.edit', sok: 'ok' })
    panel.users.put({ ...user, hidden: ['203.0.113.16/31'] })
    expect((await take()).ip.$).toBe('203.0.113.18')
    panel.users.put(user)
    expect((await take()).ip.$).toBe('203.0.113.16')
  })
})
