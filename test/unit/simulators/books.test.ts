import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ask, bill, billAdmin, type Ipmanager, post, startIpmanager } from '../../helpers/ipmanager.ts'

let panel: Ipmanager
let clock: number
beforeEach(async () => {
  clock = Date.parse('2026-01-01T00:00:00Z')
  panel = await startIpmanager({ now: () => clock })
})
afterEach(() => panel.stop())

const asUser = (params: Record<string, string>) => ask(panel.url, { authinfo: bill, ...params })
const asAdmin = (params: Record<string, string>) => ask(panel.url, { authinfo: billAdmin, ...params })
const take = async (note = ''): Promise<string> =>
  (await asUser({ func: 'ip.edit', sok: 'ok', iptype: 'public', note })).ip.$
const release = (ip: string) => asUser({ func: 'ip.delete', elid: ip })

describe('A released address', () => {
  it('is free at once, and its PTR and note are gone', async () => {
    const ip = await take('ours')
    expect(await release(ip)).toHaveProperty('ok')
    expect(panel.books.look(ip)).toBeUndefined()
  })

  it('is checked first where the panel does that, and is free an hour later', async () => {
    panel.panel.behave({ checkingSeconds: 3_600 })
    const ip = await take()
    await release(ip)
    expect(panel.books.look(ip)).toMatchObject({ status: 'checking', owner: '', domain: '' })
    expect(await take()).not.toBe(ip)
    expect((await asAdmin({ func: 'ip', filter: 'on', ip })).elem.status).toEqual({
      $orig: '3',
      $: 'Checking',
    })
    expect((await asUser({ func: 'ip', filter: 'on', ip })).elem).toBeUndefined()
    clock += 3_600_000
    expect(await take()).toBe(ip)
  })

  it('ends up blocked when a blacklist has it', async () => {
    panel.panel.behave({ checkingSeconds: 3_600, blacklisted: ['203.0.113.2'] })
    await release(await take())
    panel.drift.finishChecks()
    expect((await asAdmin({ func: 'ip' })).elem.status).toEqual({ $orig: '5', $: 'Blocked' })
    expect(await take()).toBe('203.0.113.3')
  })

  it('is not there to be released again, in the two ways that a panel says so', async () => {
    const ip = await take()
    await release(ip)
    expect(await release(ip)).toMatchObject({ error: { $type: 'missed', $object: 'ip' } })
    panel.panel.behave({ gone: 'value' })
    expect(await release(ip)).toMatchObject({ error: { $type: 'value', $object: 'elid' } })
  })

  it('may be one of several', async () => {
    const [a, b, c] = [await take(), await take(), await take()]
    await asUser({ func: 'ip.delete', elid: `${a}, ${c}` })
    expect(panel.books.held().map(record => record.ip)).toEqual([b])
  })

  it('must be the own one, and not protected', async () => {
    panel.drift.grant('203.0.113.99', { owner: 'other', iptype: 'public' })
    expect(await release('203.0.113.99')).toMatchObject({ error: { $type: 'missed' } })
    const ip = await take()
    panel.drift.protect(ip, true)
    expect(await release(ip)).toMatchObject({ error: { $type: 'access' } })
  })
})

describe('A change', () => {
  it('keeps what was not sent, and puts a dot behind the PTR', async () => {
    const ip = await take('keep me')
    await asUser({ func: 'ip.edit', elid: ip, sok: 'ok', domain: 'Mail.example.NET' })
    expect(panel.books.look(ip)).toMatchObject({ domain: 'Mail.example.NET.', note: 'keep me' })
    await asUser({ func: 'ip.edit', elid: ip, sok: 'ok', domain: '' })
    expect(panel.books.look(ip)).toMatchObject({ domain: '', note: 'keep me' })
  })

  it('of an address that is not there or another user’s is refused', async () => {
    panel.drift.grant('203.0.113.99', { owner: 'other', iptype: 'public' })
    for (const elid of ['203.0.113.98', '203.0.113.99', 'x']) {
      expect(await asUser({ func: 'ip.edit', elid, sok: 'ok', domain: 'a.b' })).toMatchObject({
        error: { $type: 'value', $object: 'elid' },
      })
    }
    expect(await asAdmin({ func: 'ip.edit', elid: '203.0.113.99', sok: 'ok', owner: 'bill' })).toHaveProperty(
      'ok',
    )
    expect(panel.books.look('203.0.113.99')).toMatchObject({ owner: 'bill' })
  })

  it('of the note is ignored by a panel that keeps none', async () => {
    panel.panel.behave({ notes: false })
    const ip = await take('lost')
    expect(panel.books.look(ip)).toMatchObject({ note: '' })
    expect((await asUser({ func: 'ip' })).elem).not.toHaveProperty('note')
  })
})

describe('What no source documents for certain', () => {
  it('can be spelled otherwise', async () => {
    const { wire } = panel.panel.behaviour()
    panel.panel.behave({ wire: { ...wire, domain: 'ptr', iptype: 'group', granted: ['elid'] } })
    const doc = await asUser({ func: 'ip.edit', sok: 'ok', group: 'alias', ptr: 'a.example' })
    expect(doc.elid.$).toBe('198.51.100.2')
    expect(doc).not.toHaveProperty('ip')
    expect((await asUser({ func: 'ip' })).elem).toMatchObject({
      ptr: { $: 'a.example.' },
      group: { $: 'alias' },
    })
  })

  it('may leave out the address that was granted', async () => {
    panel.panel.behave({ wire: { ...panel.panel.behaviour().wire, granted: [] } })
    const doc = await asUser({ func: 'ip.edit', sok: 'ok' })
    for (const name of ['ip', 'id', 'elid']) expect(doc).not.toHaveProperty(name)
    expect(panel.books.held()).toHaveLength(1)
  })

  it('may write IPv6 addresses in full or in capitals', async () => {
    const v6 = async () => (await asUser({ func: 'ip.edit', sok: 'ok', family: 'ipv6' })).ip.$
    expect(await v6()).toBe('2001:db8:5::2')
    panel.panel.behave({ ipv6: 'full' })
    expect(await v6()).toBe('2001:0db8:0005:0000:0000:0000:0000:0003')
    panel.panel.behave({ ipv6: 'upper' })
    expect(await v6()).toBe('2001:DB8:5::4')
    expect(await release('2001:db8:5:0::4')).toHaveProperty('ok')
  })

  it('may list by text, and list what is free', async () => {
    panel.drift.grant('203.0.113.9', { owner: 'bill', iptype: 'public' })
    panel.drift.grant('203.0.113.10', { owner: 'bill', iptype: 'public' })
    panel.panel.behave({ order: 'text' })
    const ips = (doc: { elem: { ip: { $: string } }[] }) => doc.elem.map(row => row.ip.$)
    expect(ips(await asUser({ func: 'ip' }))).toEqual(['203.0.113.10', '203.0.113.9'])
    expect(ips(await asUser({ func: 'ip', p_sort: 'ip', p_order: 'desc' }))).toEqual([
      '203.0.113.10',
      '203.0.113.9',
    ])
    panel.panel.behave({ order: 'address', listsFree: true, pageSize: 1_000 })
    const all = (await asAdmin({ func: 'ip' })).elem
    expect(all).toHaveLength(253 + 253)
    expect(all[253]).toMatchObject({ ip: { $: '203.0.113.2' }, status: { $orig: '1', $: 'Available' } })
    expect(all[260]).toMatchObject({ ip: { $: '203.0.113.9' }, status: { $orig: '2' } })
    expect(ips(await asUser({ func: 'ip' }))).toHaveLength(2)
  })
})

describe('A filter', () => {
  beforeEach(() => {
    panel.books.fill({
      range: '203.0.113.10-203.0.113.19',
      owner: 'bill',
      iptype: 'public',
      domain: 'h{n}.example.',
    })
    panel.drift.grant('198.51.100.7', { owner: 'bill', iptype: 'alias', note: 'ipb:7' })
  })
  const total = async (params: Record<string, string>) => (await asUser({ func: 'ip', ...params })).p_elems.$

  it('of the call itself finds text anywhere, and choices when they are equal', async () => {
    expect(await total({ filter: 'on', note: 'IPB:7' })).toBe('1')
    expect(await total({ filter: 'on', ip: '113.1' })).toBe('10')
    expect(await total({ filter: 'yes', iptype: 'alias' })).toBe('1')
    expect(await total({ filter: 'on', iptype: 'ali' })).toBe('0')
  })

  it('finds whole fields only, or everything, on panels that filter otherwise', async () => {
    panel.panel.behave({ filters: 'whole' })
    expect(await total({ filter: 'on', note: 'ipb' })).toBe('0')
    expect(await total({ filter: 'on', note: 'IPB:7' })).toBe('1')
    panel.panel.behave({ filters: 'ignored' })
    expect(await total({ filter: 'on', note: 'ipb:7' })).toBe('11')
  })

  it('that a user has saved applies until a call switches it off', async () => {
    await asUser({ func: 'ip.filter', sok: 'ok', domain: 'h3' })
    expect(await total({})).toBe('1')
    expect(await total({ filter: 'off' })).toBe('11')
    expect((await asAdmin({ func: 'ip' })).p_elems.$).toBe('11')
  })
})

describe('Drift', () => {
  it('grants, frees and renames behind everyone’s back', async () => {
    const ip = await take()
    panel.drift.rename(ip, 'other.example')
    expect((await asUser({ func: 'ip' })).elem.domain.$).toBe('other.example.')
    panel.drift.owner(ip, 'other')
    expect((await asUser({ func: 'ip' })).p_elems.$).toBe('0')
    panel.drift.release(ip)
    expect(panel.books.look(ip)).toBeUndefined()
    expect(() => panel.drift.grant('203.0.113.5', { owner: 'x', iptype: 'public' })).not.toThrow()
    expect(() => panel.drift.grant('203.0.113.5', { owner: 'y', iptype: 'public' })).toThrow(
      '203.0.113.5 is not free',
    )
  })

  it('brings a PTR back that was removed', async () => {
    const ip = await take()
    await asUser({ func: 'ip.edit', elid: ip, sok: 'ok', domain: 'old.example' })
    await asUser({ func: 'ip.edit', elid: ip, sok: 'ok', domain: '' })
    expect(panel.drift.restorePtr(ip)).toBe('old.example.')
    expect(panel.books.look(ip)).toMatchObject({ domain: 'old.example.' })
  })
})

describe('The simulator’s own books', () => {
  it('keep every change with its time, its author and what it was about', async () => {
    const ip = await take('ipb:1')
    clock += 1_000
    await asUser({ func: 'ip.edit', elid: ip, sok: 'ok', domain: 'a.example' })
    panel.panel.behave({ checkingSeconds: 60 })
    await release(ip)
    clock += 60_000
    panel.books.counts()
    expect(panel.books.history().map(({ seq, at, what, by, note }) => [seq, at, what, by, note])).toEqual([
      [1, '2026-01-01T00:00:00.000Z', 'granted', 'bill', 'ipb:1'],
      [2, '2026-01-01T00:00:01.000Z', 'changed', 'bill', 'ipb:1'],
      [3, '2026-01-01T00:00:01.000Z', 'released', 'bill', 'ipb:1'],
      [4, '2026-01-01T00:01:01.000Z', 'checked', 'check', ''],
    ])
    expect(panel.books.history(2, 1).map(entry => entry.seq)).toEqual([3])
  })

  it('count what is held, checked and blocked', async () => {
    panel.books.fill({ range: '203.0.113.10-203.0.113.19', owner: 'bill', iptype: 'public' })
    panel.drift.status('203.0.113.11', 'in-use')
    panel.drift.status('203.0.113.12', 'blocked')
    expect(panel.books.counts()).toEqual({ used: 8, checking: 0, blocked: 1, 'in-use': 1 })
    expect(panel.books.held({ owner: 'bill' })).toHaveLength(8)
  })

  it('can be begun with again', async () => {
    panel.books.fill({
      range: '203.0.113.10-203.0.113.19',
      owner: 'bill',
      iptype: 'public',
      domain: 'h{n}.example.',
    })
    panel.drift.note('203.0.113.15', 'marked')
    await take('ours')
    const again = await startIpmanager({ state: JSON.parse(JSON.stringify(panel.state())) })
    expect(again.books.held()).toEqual(panel.books.held())
    expect(again.books.history()).toEqual(panel.books.history())
    await again.stop()
  })
})

describe('The numbers for monitoring', () => {
  it('have the words in the places where the known plug-ins look', async () => {
    await take()
    const lines = async (func: string) =>
      (await post(panel.url, { authinfo: billAdmin, func, out: 'text' })).body.split('\n')
    const [range = ''] = await lines('permstat')
    expect(range.split(' ')).toEqual(['203.0.113.0', '-', '203.0.113.255', '1', '256', 'bill'])
    const [user = ''] = await lines('userstat')
    expect(user.split(' ')).toEqual(['id=1', 'name=bill', 'used=1'])
  })
})
