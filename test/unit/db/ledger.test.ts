import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { canonicalAddress, fromBigInt } from '../../../src/domain/address.ts'
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts'
import { anId, builtin, type Row, refusals, refused } from '../../helpers/refusals.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())
const { insert } = refusals(() => database)

let services = 0

/** A service of its own, so that tests do not meet each other's slots. */
async function addService(): Promise<string> {
  const id = `s${++services}`
  await insert('service', { id, state: 'expected' })
  return id
}

const assignment = (service_id: string, more: Row): Row => ({
  id: anId,
  service_id,
  slot: 'main',
  family: 4,
  state: 'active',
  address_space: 'default',
  connection_id: builtin,
  entitled: '{"t": 1, "s": "/x"}',
  ...more,
})

describe('An address', () => {
  it.each(['reserved', 'active', 'releasing', 'pending'])('that is %s has no second holder', async state => {
    const [one, two] = [await addService(), await addService()]
    const address = `198.51.100.${services}`
    expect(await insert('assignment', assignment(one, { address, state }))).toBeUndefined()
    expect(await insert('assignment', assignment(two, { address }))).toBe(refused.unique)
  })

  it('has another holder once it is released', async () => {
    const [one, two] = [await addService(), await addService()]
    const address = `198.51.100.${services}`
    await insert('assignment', assignment(one, { address, state: 'released', released_at: '(now())' }))
    expect(await insert('assignment', assignment(two, { address }))).toBeUndefined()
  })

  it('has one holder in each address space', async () => {
    const [one, two] = [await addService(), await addService()]
    const address = '10.0.0.1'
    await insert('assignment', assignment(one, { address }))
    expect(await insert('assignment', assignment(two, { address, address_space: 'lab' }))).toBeUndefined()
  })

  it('is shared by licences, with each other and with a service', async () => {
    const [one, two, three] = [await addService(), await addService(), await addService()]
    const address = `198.51.100.${services}`
    expect(await insert('assignment', assignment(one, { address }))).toBeUndefined()
    expect(await insert('assignment', assignment(two, { address, licence: true }))).toBeUndefined()
    expect(await insert('assignment', assignment(three, { address, licence: true }))).toBeUndefined()
  })

  it('has one spelling: a full mask, of its own family, and no IPv4 in disguise', async () => {
    const service = await addService()
    for (const [address, family] of [
      ['192.0.2.0/24', 4],
      ['192.0.2.1/31', 4],
      ['2001:db8::/64', 6],
      ['2001:db8::1', 4],
      ['192.0.2.1', 6],
      ['::ffff:192.0.2.1', 6],
    ] as const)
      expect(await insert('assignment', assignment(service, { address, family }))).toBe(refused.check)
    for (const requested of ['192.0.2.0/24', '2001:db8::1'])
      expect(await insert('assignment', assignment(service, { requested, state: 'pending' }))).toBe(
        refused.check,
      )
    expect(await insert('assignment', assignment(service, { address: '192.0.2.1/32' }))).toBeUndefined()
  })
})

describe('A slot', () => {
  it('has one live assignment', async () => {
    const service = await addService()
    expect(await insert('assignment', assignment(service, { state: 'pending' }))).toBeUndefined()
    expect(await insert('assignment', assignment(service, { state: 'pending' }))).toBe(refused.unique)
    expect(await insert('assignment', assignment(service, { state: 'pending', family: 6 }))).toBeUndefined()
    expect(
      await insert('assignment', assignment(service, { state: 'pending', slot: 'main/2' })),
    ).toBeUndefined()
  })

  it('that is being released may be given anew', async () => {
    const service = await addService()
    await insert('assignment', assignment(service, { state: 'releasing' }))
    expect(await insert('assignment', assignment(service, { state: 'pending' }))).toBeUndefined()
  })
})

describe('A state', () => {
  it('is one of those that there are', async () => {
    const service = await addService()
    expect(await insert('service', { id: 'unknown-state', state: 'gone' })).toBe(refused.check)
    expect(await insert('assignment', assignment(service, { state: 'lost' }))).toBe(refused.check)
    expect(await insert('operation', operation({ state: 'stuck' }))).toBe(refused.check)
    expect(await insert('operation', operation({ kind: 'rename' }))).toBe(refused.check)
    expect(await insert('token', { id: anId, name: 'x', role: 'root', hash: 'x' })).toBe(refused.check)
    expect(await insert('reconciliation', { id: anId, connection_id: builtin, state: 'x' })).toBe(
      refused.check,
    )
  })

  it('that an address goes with has one', async () => {
    const service = await addService()
    for (const state of ['reserved', 'active'])
      expect(await insert('assignment', assignment(service, { state }))).toBe(refused.check)
    const released = assignment(service, { address: '203.0.113.1', state: 'released' })
    expect(await insert('assignment', released)).toBe(refused.check)
    expect(await insert('assignment', { ...released, state: 'active', released_at: '(now())' })).toBe(
      refused.check,
    )
  })

  it('of a service says what is known of it', async () => {
    expect(await insert('service', { id: 'unknown', state: 'active' })).toBe(refused.check)
    expect(await insert('service', { id: 'undeleted', state: 'deleted' })).toBe(refused.check)
    expect(await insert('service', { id: '', state: 'expected' })).toBe(refused.check)
  })
})

const operation = (more: Row): Row => ({
  id: anId,
  kind: 'allocate',
  state: 'queued',
  cause: 'operator:test',
  ...more,
})

describe('An operation', () => {
  it('that runs has a lease, and no other has', async () => {
    expect(await insert('operation', operation({ state: 'running' }))).toBe(refused.check)
    expect(await insert('operation', operation({ lease_until: '(now())' }))).toBe(refused.check)
    expect(await insert('operation', operation({ state: 'running', lease_until: '(now())' }))).toBeUndefined()
  })

  it('that has ended says when, and why it failed', async () => {
    for (const state of ['done', 'superseded', 'cancelled'])
      expect(await insert('operation', operation({ state }))).toBe(refused.check)
    expect(await insert('operation', operation({ ended_at: '(now())' }))).toBe(refused.check)
    const failed = operation({ state: 'failed', ended_at: '(now())' })
    expect(await insert('operation', failed)).toBe(refused.check)
    expect(await insert('operation', { ...failed, error_code: 'internal' })).toBeUndefined()
  })

  it('runs alone for its service', async () => {
    const running = operation({ service_id: await addService(), state: 'running', lease_until: '(now())' })
    expect(await insert('operation', running)).toBeUndefined()
    expect(await insert('operation', running)).toBe(refused.unique)
    expect(await insert('operation', { ...running, service_id: await addService() })).toBeUndefined()
  })

  it('says what it came from', async () => {
    expect(await insert('operation', { id: anId, kind: 'ptr', state: 'queued' })).toBe(refused.missing)
    expect(await insert('operation', operation({ event_id: anId }))).toBe(refused.foreign)
  })
})

describe('An event', () => {
  const event = {
    id: anId,
    source: '/x',
    event_id: '1',
    type: 't',
    time: '(now())',
    data: '{}',
    body_hash: 'h',
    via: 'http',
  }

  it('is stored once for its source and id', async () => {
    expect(await insert('event', { ...event, status: 'accepted' })).toBeUndefined()
    expect(await insert('event', { ...event, status: 'accepted' })).toBe(refused.unique)
    expect(await insert('event', { ...event, source: '/y', status: 'superseded' })).toBeUndefined()
    expect(await insert('event', { ...event, source: '/z', status: 'lost' })).toBe(refused.check)
  })
})

describe('An address in PostgreSQL', () => {
  it('is written as we write it', async () => {
    // IPv6 with runs of zeros of every length at every place, where spellings differ most.
    const addresses = Array.from({ length: 256 }, (_, mask) =>
      fromBigInt(
        Array.from({ length: 8 }, (_, n) => ((mask >> n) & 1 ? 0n : BigInt(n * 0x111 + 1))).reduce(
          (value, group) => (value << 16n) | group,
          0n,
        ),
        6,
      ),
    ).filter(address => !address.startsWith('::'))
    const rows = await database.db.$queryRaw<{ text: string }[]>`
      select host(a) as text from unnest(${addresses}::inet[]) with ordinality as u (a, n) order by n`
    expect(rows.map(row => row.text)).toEqual(addresses.map(canonicalAddress))
  })
})
