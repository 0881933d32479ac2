import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { failureOf } from '../../contract/failures.ts'
import { collect, newMarker, signal, wanted } from '../../contract/ipam-subject.ts'
import { bill, billAdmin, type Ipmanager, post, startIpmanager } from '../../helpers/ipmanager.ts'
import { driverFor } from '../../helpers/ipmanager-driver.ts'

let panel: Ipmanager
beforeEach(async () => {
  panel = await startIpmanager()
})
afterEach(() => panel.stop())

const fill = (range: string) =>
  panel.books.fill({ range, owner: 'bill', iptype: 'public', domain: 'h{n}.example.' })
const addresses = async (given: Parameters<typeof driverFor>[1] = {}) =>
  (await collect(driverFor(panel.url, given))).map(record => record.address)

describe('The list of IPmanager', () => {
  it('is read with a filter of our own, whatever the administrator has saved', async () => {
    fill('203.0.113.10-203.0.113.19')
    const driver = driverFor(panel.url)
    const marker = newMarker()
    await driver.request(wanted({ marker }), signal)
    // What people have typed into the panel's own pages.
    for (const authinfo of [bill, billAdmin]) {
      await post(panel.url, { authinfo, func: 'ip.filter', sok: 'ok', domain: 'nothing', out: 'xml' })
    }
    expect(await collect(driver)).toHaveLength(11)
    expect(await driver.findByMarker(marker, signal)).toMatchObject({ marker })
  })

  it('has what others hold, but not what is free, checked or blocked', async () => {
    panel.panel.behave({ listsFree: true })
    for (const [ip, status] of [
      ['203.0.113.20', 'used'],
      ['203.0.113.21', 'checking'],
      ['203.0.113.22', 'blocked'],
      ['203.0.113.23', 'in-use'],
    ] as const) {
      panel.drift.grant(ip, { owner: 'other', iptype: 'alias', status })
    }
    expect(await addresses()).toEqual(['203.0.113.20', '203.0.113.23'])
    expect(await driverFor(panel.url).read('203.0.113.20', signal)).toMatchObject({
      owner: 'other',
      pool: 'alias',
    })
  })

  it('leaves out the groups that the connection hides', async () => {
    panel.drift.grant('203.0.113.20', { owner: 'other', iptype: 'alias' })
    panel.drift.grant('203.0.113.21', { owner: 'other', iptype: 'public' })
    expect(await addresses({ hiddenTypes: ['alias', 'vlan7'] })).toEqual(['203.0.113.21'])
  })

  it.each(['short', 'full', 'upper'] as const)(
    'ascends in canonical text, however IPv6 is spelled (%s)',
    async ipv6 => {
      panel.panel.behave({ ipv6 })
      panel.drift.grant('2001:db8:5::a', { owner: 'bill', iptype: 'public' })
      panel.drift.grant('2001:db8:5::9', { owner: 'bill', iptype: 'public' })
      panel.drift.grant('203.0.113.100', { owner: 'bill', iptype: 'public' })
      panel.drift.grant('203.0.113.20', { owner: 'bill', iptype: 'public' })
      expect(await addresses()).toEqual(['203.0.113.20', '203.0.113.100', '2001:db8:5::9', '2001:db8:5::a'])
    },
  )

  it('ascends although the panel sorts it as text', async () => {
    fill('203.0.113.2-203.0.113.120')
    panel.panel.behave({ order: 'always text' })
    const sorted = await addresses({ options: { pageSize: 20 } })
    expect(sorted).toEqual(Array.from({ length: 119 }, (_, n) => `203.0.113.${n + 2}`))
  })

  it.each([
    ['shows half of it', { what: 'half-list' }],
    ['shows the same page again', { what: 'same-page' }],
    ['answers page 3 with an error', { what: 'status', status: 500, page: 3 }],
    ['refuses page 2', { what: 'error', error: { type: 'internal', object: 'db' }, page: 2 }],
    ['breaks off in the middle of a page', { what: 'truncated', page: 2 }],
  ] as const)('is not believed when the panel %s', async (_, fault) => {
    fill('203.0.113.2-203.0.113.120')
    panel.faults.add({ func: 'ip', ...fault })
    const failure = await failureOf(addresses({ options: { pageSize: 20 } }))
    expect(failure).toMatchObject({ code: 'ipam_unavailable', retry: 'later' })
    expect(failure.message).toMatch(/^IPmanager of connection main: .{20}/)
  })

  it('is that of our own user where no administrator is set', async () => {
    fill('203.0.113.10-203.0.113.11')
    panel.drift.grant('203.0.113.20', { owner: 'other', iptype: 'public' })
    const given = { adminLogin: undefined, adminPassword: undefined }
    expect(await addresses(given)).toEqual(['203.0.113.10', '203.0.113.11'])
    expect((await collect(driverFor(panel.url, given)))[0]?.owner).toBe('bill')
  })
})

describe('A marker', () => {
  it.each(['anywhere', 'whole', 'ignored'] as const)(
    'is found on a panel whose filters look %s',
    async filters => {
      panel.panel.behave({ filters })
      const driver = driverFor(panel.url)
      const markers = Array.from({ length: 30 }, newMarker)
      for (const marker of markers) await driver.request(wanted({ marker }), signal)
      for (const marker of [markers[0], markers[29]]) {
        expect(await driver.findByMarker(marker ?? '', signal)).toMatchObject({ marker })
      }
      expect(await driver.findByMarker(newMarker(), signal)).toBeUndefined()
    },
  )

  it('is found in a note that people have written into, also where the filter looks for whole notes', async () => {
    panel.panel.behave({ filters: 'whole' })
    const marker = newMarker()
    const { address } = await driverFor(panel.url).request(wanted({ marker }), signal)
    panel.drift.note(address, `rack 7, ${marker}, do not touch`)
    expect(
      await driverFor(panel.url, { options: { lookup: 'list' } }).findByMarker(marker, signal),
    ).toMatchObject({ address })
  })

  it('is looked for with one small call once the filter was seen to work', async () => {
    const driver = driverFor(panel.url)
    await driver.request(wanted(), signal)
    await driver.findByMarker(newMarker(), signal)
    panel.panel.resetTraffic()
    await driver.findByMarker(newMarker(), signal)
    expect(panel.panel.traffic()['ip']).toMatchObject({ count: 1 })
  })
})

describe('An address that is given back', () => {
  it('may be checked and blocked afterwards: it is ours no more', async () => {
    panel.panel.behave({ checkingSeconds: 3_600, blacklisted: ['203.0.113.0/24'] })
    const driver = driverFor(panel.url)
    const marker = newMarker()
    const { address } = await driver.request(wanted({ marker }), signal)
    await driver.release({ address, marker }, signal)
    expect(panel.books.look(address)).toMatchObject({ status: 'checking' })
    await driver.release({ address, marker }, signal)
    panel.drift.finishChecks()
    expect(panel.books.look(address)).toMatchObject({ status: 'blocked' })
    await driver.release({ address, marker }, signal)
    expect(await driver.read(address, signal)).toBeUndefined()
    expect(await collect(driver)).toEqual([])
  })

  it.each(['missed', 'value'] as const)('may be gone by the time that the panel is told (%s)', async gone => {
    panel.panel.behave({ gone })
    const driver = driverFor(panel.url)
    const marker = newMarker()
    const { address } = await driver.request(wanted({ marker }), signal)
    panel.faults.add({
      what: 'error',
      func: 'ip.delete',
      error: { type: gone, object: gone === 'missed' ? 'ip' : 'elid' },
    })
    panel.drift.release(address)
    await driver.release({ address, marker }, signal)
  })

  it('stays where it is protected, and the panel’s reason is told', async () => {
    const driver = driverFor(panel.url)
    const marker = newMarker()
    const { address } = await driver.request(wanted({ marker }), signal)
    panel.drift.protect(address, true)
    expect(await failureOf(driver.release({ address, marker }, signal))).toMatchObject({
      code: 'access_denied',
      retry: 'never',
    })
    expect(panel.books.look(address)).toMatchObject({ status: 'used' })
  })
})

describe('Addresses that services have already', () => {
  it('are marked beside what the note says, and those of others are left alone', async () => {
    const driver = driverFor(panel.url)
    panel.drift.grant('203.0.113.20', { owner: 'bill', iptype: 'public', note: 'rack 7' })
    panel.drift.grant('203.0.113.21', { owner: 'other', iptype: 'public', note: 'theirs' })
    const records = ['203.0.113.20', '203.0.113.21', '203.0.113.22'].map(address => ({
      address,
      marker: newMarker(),
      owner: 's1 main',
      ptr: null,
    }))
    await driver.adopt?.(records, signal)
    await driver.adopt?.(records, signal)
    expect(panel.books.look('203.0.113.20')?.note).toBe(`rack 7 ${records[0]?.marker}`)
    expect(panel.books.look('203.0.113.21')?.note).toBe('theirs')
    expect(panel.books.look('203.0.113.22')).toBeUndefined()
    expect(await driver.findByMarker(records[0]?.marker ?? '', signal)).toMatchObject({
      address: '203.0.113.20',
    })
  })

  it('become ours from another user of the panel where that is wanted, unless they are marked already', async () => {
    const driver = driverFor(panel.url)
    panel.drift.grant('203.0.113.20', { owner: 'other', iptype: 'public' })
    panel.drift.grant('203.0.113.21', { owner: 'bill', iptype: 'public' })
    for (const address of ['203.0.113.20', '203.0.113.21']) {
      const held = { address, marker: newMarker(), owner: 's1 main' }
      await driver.claim?.(held, signal)
      await driver.claim?.(held, signal)
      expect(panel.books.look(address)).toMatchObject({ owner: 'bill', note: held.marker })
      const refused = failureOf(Promise.resolve(driver.claim?.({ ...held, marker: newMarker() }, signal)))
      expect(await refused).toMatchObject({ code: 'record_not_ours' })
    }
    const nobodys = { address: '203.0.113.22', marker: newMarker(), owner: 's1 main' }
    expect(await failureOf(Promise.resolve(driver.claim?.(nobodys, signal)))).toMatchObject({
      code: 'record_not_ours',
    })
  })

  it.each(['note', 'ptr'])('pass from one marker to another where both are ours (%s)', async place => {
    panel.panel.behave({ notes: place === 'note' })
    const driver = driverFor(panel.url, { options: { marker: place } })
    const [from, to] = [newMarker(), newMarker()]
    const { address } = await driver.request(wanted({ marker: from }), signal)
    await driver.setPtr({ address, marker: from }, 'dns.set.error', signal)
    for (let n = 0; n < 2; n++)
      await driver.claim?.({ address, marker: to, from: [from], owner: 's2 main' }, signal)
    expect(await driver.findByMarker(to, signal)).toMatchObject({ address, ptr: 'dns.set.error' })
    expect(await driver.findByMarker(from, signal)).toBeUndefined()
  })
})
