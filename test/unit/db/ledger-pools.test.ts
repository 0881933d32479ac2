import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../helpers/database.ts'
import { anId, builtin, type Row, refusals, refused } from '../../helpers/refusals.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())
const { run, insert } = refusals(() => database)

describe('A pool', () => {
  const pool = (name: string, cidr: string, more: Row = {}): Row => ({
    id: anId,
    connection_id: builtin,
    address_space: 'default',
    name,
    cidr,
    ...more,
  })

  it('overlaps no other one of its address space', async () => {
    expect(await insert('pool', pool('a', '10.1.0.0/16'))).toBeUndefined()
    for (const cidr of ['10.1.0.0/16', '10.1.2.0/24', '10.0.0.0/8', '10.1.255.255/32'])
      expect(await insert('pool', pool('b', cidr))).toBe(refused.exclusion)
    expect(await insert('pool', pool('c', '10.2.0.0/16'))).toBeUndefined()
    expect(await insert('pool', pool('d', '2001:db8::/32'))).toBeUndefined()
    expect(await insert('pool', pool('e', '2001:db8:1::/48'))).toBe(refused.exclusion)
  })

  it('may overlap one of another address space, which has to be its connection’s', async () => {
    await run(
      `insert into connection (id, name, driver, address_space) values (gen_random_uuid(), 'lab', 'builtin', 'lab')`,
    )
    const lab = pool('lab', '10.1.0.0/16', {
      connection_id: "((select id from connection where name = 'lab'))",
      address_space: 'lab',
    })
    expect(await insert('pool', { ...lab, address_space: 'elsewhere' })).toBe(refused.foreign)
    expect(await insert('pool', lab)).toBeUndefined()
  })

  it('stays free of overlaps when the address space of its connection changes', async () => {
    expect(await run(`update connection set address_space = 'default' where name = 'lab'`)).toBe(
      refused.exclusion,
    )
  })

  it('is a network, its gateway is a host in it, and its numbers make sense', async () => {
    expect(await insert('pool', pool('f', '10.3.0.1/16'))).toBe(refused.check)
    expect(await insert('pool', pool('f', '10.3.0.0/16', { gateway: '10.4.0.1' }))).toBe(refused.check)
    expect(await insert('pool', pool('f', '10.3.0.0/16', { gateway: '10.3.0.0/24' }))).toBe(refused.check)
    expect(await insert('pool', pool('f', '10.3.0.0/16', { quarantine_seconds: -1 }))).toBe(refused.check)
    expect(await insert('pool', pool('no spaces', '10.3.0.0/16'))).toBe(refused.check)
    expect(await insert('pool', pool('a', '10.3.0.0/16'))).toBe(refused.unique)
    expect(await insert('pool', pool('f', '10.3.0.0/16', { gateway: '10.3.0.1' }))).toBeUndefined()
  })

  it('holds each address, and each marker, once', async () => {
    const held = (pool: string, address: string, more: Row): Row => ({
      pool_id: `((select id from pool where name = '${pool}'))`,
      address,
      state: 'held',
      ...more,
    })
    expect(await insert('pool_address', held('a', '10.1.0.9', { marker: 'ipb:1' }))).toBeUndefined()
    expect(await insert('pool_address', held('a', '10.1.0.9', { marker: 'ipb:2' }))).toBe(refused.unique)
    expect(await insert('pool_address', held('c', '10.2.0.9', { marker: 'ipb:1' }))).toBe(refused.unique)
    expect(await insert('pool_address', held('a', '10.1.1.0/24', {}))).toBe(refused.check)
    expect(await insert('pool_address', held('a', '10.1.0.8', { state: 'quarantined' }))).toBe(refused.check)
  })
})

describe('An audit entry', () => {
  it('is only ever added', async () => {
    const entry = { actor: 'test', role: 'admin', action: 'pool.add', subject: 'pool:x' }
    expect(await insert('audit_entry', entry)).toBeUndefined()
    for (const sql of [
      `update audit_entry set actor = 'nobody'`,
      `update audit_entry set actor = 'nobody' where false`,
      'delete from audit_entry',
      'truncate audit_entry',
    ])
      expect(await run(sql)).toBe(refused.integrity)
    expect(await database.db.auditEntry.findMany()).toMatchObject([entry])
  })
})

describe('What is referred to', () => {
  it('stays while something refers to it', async () => {
    const service = 'kept'
    const entitled = '{"t": 1, "s": "/x"}'
    await insert('service', { id: service, state: 'expected' })
    await insert('assignment', {
      id: anId,
      service_id: service,
      slot: 'main',
      family: 4,
      state: 'pending',
      entitled,
    })
    await insert('server', { id: anId, name: 'node1', connection_id: builtin })
    expect(await run(`delete from service where id = '${service}'`)).toBe(refused.foreign)
    expect(await run(`delete from connection where name = 'builtin'`)).toBe(refused.foreign)
  })

  it('has a name that fits in a URL', async () => {
    const connection = (name: string) => insert('connection', { id: anId, name, driver: 'builtin' })
    for (const name of ['', 'Upper', 'a b', '-a', 'a'.repeat(64)])
      expect(await connection(name)).toBe(refused.check)
    expect(await connection('builtin')).toBe(refused.unique)
    expect(await connection('a.b_c-1')).toBeUndefined()
  })
})
