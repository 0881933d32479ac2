import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { failureOf } from '../../contract/failures.ts'
import { collect, newMarker, signal, wanted } from '../../contract/ipam-subject.ts'
import { type Ipmanager, startIpmanager } from '../../helpers/ipmanager.ts'
import { driverFor, notesInMemory } from '../../helpers/ipmanager-driver.ts'

let panel: Ipmanager
beforeEach(async () => {
  panel = await startIpmanager()
})
afterEach(() => panel.stop())

const held = () => panel.books.held({ owner: 'bill' })

describe('A request to IPmanager', () => {
  it('carries family, group, PTR and the note with our marker, and is one call and a look', async () => {
    const driver = driverFor(panel.url, { options: { groups: ['alias'] } })
    const marker = newMarker()
    const record = await driver.request(wanted({ marker, ptr: 'web.example.net' }), signal)
    expect(record).toMatchObject({
      address: '198.51.100.2',
      ptr: 'web.example.net',
      pool: 'alias',
      owner: 'bill',
    })
    expect(held()).toMatchObject([{ iptype: 'alias', domain: 'web.example.net.', note: marker }])
    expect(panel.panel.traffic()).toMatchObject({ 'ip.edit': { count: 2 } })
  })

  it('takes from the group public unless told otherwise', async () => {
    expect((await driverFor(panel.url).request(wanted(), signal)).pool).toBe('public')
  })

  it('leaves the choice of the group to the panel where no group is set', async () => {
    const driver = driverFor(panel.url, { options: { groups: [] } })
    expect((await driver.request(wanted(), signal)).pool).toBe('public')
  })

  it('tells prefix and gateway where the connection does', async () => {
    const networks = [
      { cidr: '203.0.0.0/8' },
      { cidr: '203.0.113.0/24', gateway: '203.0.113.1' },
      { cidr: '2001:db8::/32', gateway: '2001:db8::1' },
    ]
    const driver = driverFor(panel.url, { options: { networks } })
    expect((await driver.request(wanted(), signal)).network).toEqual({ prefix: 24, gateway: '203.0.113.1' })
    const six = await driver.request(wanted({ family: 6 }), signal)
    expect(six.network).toEqual({ prefix: 32, gateway: '2001:db8::1' })
  })

  it.each([
    { type: 'missed', object: 'ip' },
    { type: 'limit', object: 'ip' },
    { type: 'value', object: 'ip' },
  ])('that finds nothing free heals later, when the panel says $type($object)', async exhausted => {
    panel.users.put({
      name: 'bill',
      password: 'bill-password',
      rights: [{ range: '203.0.113.8', iptype: 'public' }],
    })
    panel.panel.behave({ exhausted })
    const driver = driverFor(panel.url)
    await driver.request(wanted(), signal)
    const refusal = await failureOf(driver.request(wanted(), signal))
    expect(refusal).toMatchObject({ code: 'pool_exhausted', retry: 'later' })
    expect(refusal.message).toContain('has no free IPv4 address of group public')
  })

  it('that finds nothing free in words of a panel’s own heals where the connection knows them', async () => {
    panel.users.put({
      name: 'bill',
      password: 'bill-password',
      rights: [{ range: '203.0.113.8', iptype: 'public' }],
    })
    panel.panel.behave({ exhausted: { type: 'no_free', object: 'pool' } })
    await driverFor(panel.url).request(wanted(), signal)
    const driver = driverFor(panel.url, { options: { exhausted: ['no_free(pool)'] } })
    expect(await failureOf(driver.request(wanted(), signal))).toMatchObject({ code: 'pool_exhausted' })
  })

  it('speaks the names that the connection maps', async () => {
    const wire = { ip: 'name', family: 'protocol', iptype: 'type', domain: 'ptr', note: 'comment' }
    panel.panel.behave({ wire: { ...wire, owner: 'mgruser', status: 'state', granted: ['name'] } })
    const names = {
      ip: 'name',
      family: 'protocol',
      group: 'type',
      ptr: 'ptr',
      note: 'comment',
      owner: 'mgruser',
      status: 'state',
      reply: ['name'],
    }
    const driver = driverFor(panel.url, { options: { names } })
    const marker = newMarker()
    const { address } = await driver.request(wanted({ marker, ptr: 'a.example.net', family: 6 }), signal)
    await driver.request(wanted(), signal)
    expect(await driver.findByMarker(marker, signal)).toMatchObject({ address, marker, ptr: 'a.example.net' })
    await driver.setPtr({ address, marker }, 'b.example.net', signal)
    expect(await collect(driver)).toMatchObject([{ owner: 'bill' }, { address, ptr: 'b.example.net' }])
    await driver.release({ address, marker }, signal)
    expect(held()).toHaveLength(1)
  })
})

describe('The address that was granted', () => {
  it.each([[['ip']], [['id']], [['elid']], [['elid', 'id']]])(
    'is taken from the field that has it (%s)',
    async granted => {
      panel.panel.behave({ wire: { ...panel.panel.behaviour().wire, granted } })
      const record = await driverFor(panel.url).request(wanted(), signal)
      expect(held()).toMatchObject([{ ip: record.address }])
    },
  )

  it('is what carries the marker, where the reply does not say', async () => {
    panel.panel.behave({ wire: { ...panel.panel.behaviour().wire, granted: [] } })
    const driver = driverFor(panel.url)
    const records = await Promise.all(Array.from({ length: 5 }, () => driver.request(wanted(), signal)))
    expect(new Set(records.map(record => record.address)).size).toBe(5)
    expect(
      held()
        .map(record => record.ip)
        .sort(),
    ).toEqual(records.map(record => record.address).sort())
  })

  it('is what is new on the list, where neither reply nor marker says, one request at a time', async () => {
    panel.panel.behave({
      notes: false,
      wire: { ...panel.panel.behaviour().wire, domain: 'ptr', granted: [] },
    })
    // The panel overlooks `domain`, and keeps no note.
    const driver = driverFor(panel.url, { options: { marker: 'ptr', names: { reply: [] } } })
    const markers = Array.from({ length: 4 }, newMarker)
    const records = await Promise.all(markers.map(marker => driver.request(wanted({ marker }), signal)))
    expect(new Set(records.map(record => record.address)).size).toBe(4)
    for (const [n, marker] of markers.entries()) {
      expect(await driver.findByMarker(marker, signal)).toMatchObject({ address: records[n]?.address })
    }
  })

  it('is given back where the panel forgets our marker, and the message says what to set', async () => {
    panel.panel.behave({ notes: false })
    const refusal = await failureOf(driverFor(panel.url).request(wanted(), signal))
    expect(refusal).toMatchObject({ code: 'ipam_refused', retry: 'never' })
    expect(refusal.message).toContain('set options.marker to ptr')
    expect(held()).toEqual([])
  })

  it('is not asked for again by itself where nothing says which it is', async () => {
    panel.panel.behave({ notes: false, wire: { ...panel.panel.behaviour().wire, granted: [] } })
    const refusal = await failureOf(driverFor(panel.url).request(wanted(), signal))
    expect(refusal).toMatchObject({ code: 'ipam_refused', retry: 'never' })
    expect(refusal.message).toContain('options.names.reply')
  })
})

describe('On a panel that keeps no notes', () => {
  const options = { marker: 'ptr' }
  beforeEach(() => panel.panel.behave({ notes: false }))

  it('the marker stands in place of the PTR until the real one is set', async () => {
    const marker = newMarker()
    const driver = driverFor(panel.url, { options })
    const { address, ptr } = await driver.request(wanted({ marker, ptr: 'web.example.net' }), signal)
    expect(ptr).toBeUndefined()
    expect(held()[0]?.domain).toBe(`${marker.replace(':', '-')}.invalid.`)
    await driver.setPtr({ address, marker }, 'web.example.net', signal)
    expect(held()[0]?.domain).toBe('web.example.net.')
    expect(await driver.findByMarker(marker, signal)).toMatchObject({
      address,
      marker,
      ptr: 'web.example.net',
    })
  })

  it('the grant of a worker that died before it could note anything is found by that name', async () => {
    const marker = `${newMarker()}.3`
    const driver = driverFor(panel.url, { options })
    const { address } = await driver.request(wanted({ marker }), signal)
    expect(await driverFor(panel.url, { options }).findByMarker(marker, signal)).toMatchObject({
      address,
      marker,
    })
  })

  it('what was noted is not believed of an address that has another marker by now', async () => {
    const notes = notesInMemory()
    const driver = driverFor(panel.url, { options }, notes)
    const [old, fresh] = [newMarker(), newMarker()]
    const { address } = await driver.request(wanted({ marker: old }), signal)
    panel.drift.release(address)
    await driverFor(panel.url, { options }).request(wanted({ marker: fresh, requested: address }), signal)
    expect(notes.kept.get(address)).toBe(old)
    expect(await driver.findByMarker(old, signal)).toBeUndefined()
    expect(await failureOf(driver.release({ address, marker: old }, signal))).toMatchObject({
      code: 'record_not_ours',
    })
    expect(await driver.read(address, signal)).toMatchObject({ marker: fresh })
  })

  it('requests go one at a time', async () => {
    const driver = driverFor(panel.url, { options })
    panel.faults.add({ what: 'slow', ms: 10 })
    await Promise.all(Array.from({ length: 8 }, () => driver.request(wanted(), signal)))
    expect(panel.panel.traffic()['ip.edit']).toEqual({ count: 16, atOnce: 1 })
  })
})
