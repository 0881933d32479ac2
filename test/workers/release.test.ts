import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { newId } from '../../src/db/ids.ts'
import { maxAttempts } from '../../src/domain/backoff.ts'
import { IpbridgeError } from '../../src/errors.ts'
import { events } from '../helpers/events.ts'
import { type Stage, startStage } from '../helpers/stage.ts'

describe('The release of an address', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await startStage()
  })
  afterEach(() => stage.calm())
  afterAll(() => stage.shutDown())

  /** A service with an address, of which nothing is pending. */
  async function settled(id: string): Promise<{ address: string; marker: string; assignment: string }> {
    await stage.send(events.created({ id }))
    await stage.runAll()
    const { id: assignment } = await stage.app.db.assignment.findFirstOrThrow({ where: { serviceId: id } })
    const address = (await stage.addresses(id))[0]?.address ?? ''
    stage.calm()
    return { address, marker: `ipb:${assignment}`, assignment }
  }

  const stateOf = async (assignment: string) =>
    (await stage.app.db.assignment.findUniqueOrThrow({ where: { id: assignment } })).state

  it('looks who uses it, takes it off the guest, removes the PTR, gives it back, and tells billing', async () => {
    const { address, assignment } = await settled('r1')
    const [operation] = await stage.send(events.deleted('r1'))
    expect(await stage.run(operation)).toEqual({ result: 'settled', state: 'done' })
    expect(await stage.steps(operation)).toEqual([
      'find: found',
      'check other services: done',
      'take off the guest: done',
      'look at the guest: done',
      'remove the PTR: done',
      'release: done',
    ])
    expect(stage.record(address)).toBeUndefined()
    expect(stage.panel.books.get('guest-r1')?.addresses.size).toBe(0)
    expect(await stateOf(assignment)).toBe('released')
    expect(await stage.told('r1', 'address.released')).toEqual([{ service: 'r1', slot: 'main', address }])
  })

  it('gives back one extra address, and keeps the rest', async () => {
    await settled('r2')
    await stage.send(events.ordered('r2', 'o1', { count: 2 }))
    await stage.runAll()
    const [, second] = await stage.addresses('r2')
    await stage.send(events.cancelled('r2', { address: second?.address ?? '' }))
    await stage.runAll()
    expect((await stage.addresses('r2')).map(({ slot }) => slot)).toEqual(['main', 'order:o1/2'])
    expect(stage.record(second?.address)).toBeUndefined()
    expect(stage.panel.books.get('guest-r2')?.addresses.size).toBe(2)
  })

  it('ends at once for a service that never got a server, since no IPAM can have given it anything', async () => {
    const [allocation = ''] = await stage.send(events.ordered('r-none', 'o1'))
    await stage.app.db.operation.update({ where: { id: allocation }, data: { state: 'queued' } })
    await stage.run(allocation)
    await stage.send(events.cancelled('r-none', { order: 'o1' }))
    await stage.runAll()
    const { id: assignment } = await stage.app.db.assignment.findFirstOrThrow({
      where: { serviceId: 'r-none' },
    })
    expect(await stateOf(assignment)).toBe('released')
    const { items } = await stage.app.desk.operations.list({ service: 'r-none', kind: 'release' })
    expect(items.map(({ state, error }) => ({ state, error }))).toEqual([{ state: 'done', error: null }])
  })

  describe('that is still in use', () => {
    it('waits until the guest has let go of it', async () => {
      const { address, assignment } = await settled('u1')
      const [operation] = await stage.send(events.deleted('u1'))
      stage.traits.panel = { addresses: async () => [address] }
      expect(await stage.run(operation)).toMatchObject({ result: 'retry' })
      expect((await stage.operation(operation)).error).toMatchObject({
        code: 'still_in_use',
        message: expect.stringContaining(`the guest of service u1 still has it`),
      })
      expect(stage.record(address)?.ptr).toBe('u1.example.net')
      expect(stage.calls).not.toContain('release')
      stage.calm()
      expect(await stage.run(operation)).toEqual({ result: 'settled', state: 'done' })
      expect(await stateOf(assignment)).toBe('released')
    })

    it('fails after as many tries as any operation has, and still holds the address', async () => {
      const { address, assignment } = await settled('u2')
      const [operation = ''] = await stage.send(events.deleted('u2'))
      stage.traits.panel = { addresses: async () => [address] }
      for (let n = 1; n < maxAttempts; n++)
        expect(await stage.run(operation)).toMatchObject({ result: 'retry' })
      expect(await stage.run(operation)).toMatchObject({ result: 'failed' })
      expect(await stage.operation(operation)).toMatchObject({
        state: 'failed',
        error: { code: 'still_in_use' },
      })
      expect(await stage.told('u2', 'operation.failed')).toMatchObject([
        { kind: 'release', code: 'still_in_use' },
      ])
      expect(await stateOf(assignment)).toBe('releasing')
      expect(stage.record(address)).toBeDefined()
    })

    it('is refused where another service has it in the ledger', async () => {
      const { address } = await settled('u3')
      const other = await settled('u4')
      const [operation] = await stage.send(events.deleted('u3'))
      // Which the database would refuse, were it not for another address space.
      await stage.app.db
        .$executeRaw`update assignment set address_space = 'elsewhere' where service_id = 'u3'`
      await stage.app.db
        .$executeRaw`update assignment set address = ${address}::inet where id = ${other.assignment}::uuid`
      expect(await stage.run(operation)).toMatchObject({ result: 'retry' })
      expect((await stage.operation(operation)).error?.message).toContain('service u4 has it')
      expect(stage.calls).not.toContain('unassign')
      expect(stage.record(address)).toBeDefined()
    })

    it('does not mind a guest that is gone', async () => {
      const { address } = await settled('u5')
      stage.panel.books.delete('guest-u5')
      const [operation] = await stage.send(events.deleted('u5'))
      expect(await stage.run(operation)).toEqual({ result: 'settled', state: 'done' })
      expect(stage.record(address)).toBeUndefined()
    })

    it('is taken off the guest that had it, also where the service has come back as another one', async () => {
      const { address } = await settled('u6')
      const [operation] = await stage.send(events.deleted('u6'))
      stage.panel.books.set('new-u6', { service: 'u6', addresses: new Map() })
      await stage.send(events.created({ id: 'u6', guest: 'new-u6' }))
      expect(await stage.run(operation)).toEqual({ result: 'settled', state: 'done' })
      expect(stage.panel.books.get('guest-u6')?.addresses.has(address)).toBe(false)
      await stage.runAll()
      expect(stage.panel.books.get('new-u6')?.addresses.size).toBe(1)
    })

    it('sets a service that comes back up anew, since its guest did not outlive it', async () => {
      await settled('u7')
      await stage.send(events.deleted('u7'))
      await stage.runAll()
      stage.panel.books.delete('guest-u7')
      await stage.send(events.created({ id: 'u7' }))
      await stage.runAll()
      expect(await stage.addresses('u7')).toMatchObject([{ state: 'active' }])
      expect(stage.panel.books.get('guest-u7')?.addresses.size).toBe(1)
    })
  })

  describe('of a record that is not ours any more', () => {
    it('touches nothing in the IPAM', async () => {
      const { address, assignment } = await settled('n1')
      const theirs = {
        address,
        marker: 'ipb:00000000-0000-4000-8000-000000000001',
        ptr: 'theirs.example.org',
      }
      stage.books.records.set(address, theirs)
      const [operation] = await stage.send(events.deleted('n1'))
      expect(await stage.run(operation)).toEqual({ result: 'settled', state: 'done' })
      expect(await stage.steps(operation)).toContain('look again: not ours any more')
      expect(stage.record(address)).toEqual(theirs)
      expect(stage.calls).not.toContain('release')
      expect(await stateOf(assignment)).toBe('released')
    })

    it('stops where somebody takes it over in the middle; a retry then leaves it alone', async () => {
      const { address, assignment } = await settled('n2')
      const theirs = { address, marker: 'ipb:00000000-0000-4000-8000-000000000002' }
      const [operation] = await stage.send(events.deleted('n2'))
      stage.cues.before = call => call === 'release' && stage.books.records.set(address, theirs)
      expect(await stage.run(operation)).toMatchObject({ result: 'failed' })
      expect((await stage.operation(operation)).error?.code).toBe('record_not_ours')
      expect(stage.record(address)).toEqual(theirs)
      stage.calm()
      await stage.app.db.operation.update({
        where: { id: operation ?? '' },
        data: { state: 'queued', endedAt: null, announceAt: new Date() },
      })
      expect(await stage.run(operation)).toEqual({ result: 'settled', state: 'done' })
      expect(stage.record(address)).toEqual(theirs)
      expect(await stateOf(assignment)).toBe('released')
    })
  })

  describe('of what was never recorded', () => {
    it('gives back a grant whose answer nobody heard', async () => {
      const [allocation] = await stage.send(events.created({ id: 'l1' }))
      stage.cues.after = call => {
        if (call === 'request')
          throw new IpbridgeError('outcome_unknown', 'no answer', { outcome: 'unknown' })
      }
      await stage.run(allocation)
      const mine = () => [...stage.books.records.values()].filter(record => record.owner === 'l1 main')
      expect(mine()).toHaveLength(1)
      stage.calm()
      await stage.send(events.deleted('l1'))
      await stage.runAll()
      expect(mine()).toEqual([])
    })

    it('tells billing nothing where there was no address', async () => {
      await stage.send(events.created({ id: 'l2' }))
      const [operation] = await stage.send(events.deleted('l2'))
      expect(await stage.run(operation)).toEqual({ result: 'settled', state: 'done' })
      expect(await stage.steps(operation)).toEqual(['find: nothing'])
      expect(await stage.told('l2', 'address.released')).toEqual([])
    })
  })

  it.each(['unassign', 'setPtr', 'release'])(
    'goes on where it stopped when the answer of %s is lost',
    async call => {
      const id = `g-${call}`
      const { address, assignment } = await settled(id)
      const [operation] = await stage.send(events.deleted(id))
      stage.cues.after = name => {
        if (name === call) throw new IpbridgeError('outcome_unknown', 'no answer', { outcome: 'unknown' })
      }
      expect(await stage.run(operation)).toMatchObject({ result: 'retry' })
      stage.calm()
      expect(await stage.run(operation)).toEqual({ result: 'settled', state: 'done' })
      expect(stage.record(address)).toBeUndefined()
      expect(await stateOf(assignment)).toBe('released')
      expect(await stage.told(id, 'address.released')).toHaveLength(1)
    },
  )

  it('of a licence changes the ledger only', async () => {
    const { address } = await settled('k1')
    const licence = { id: 'k2', kind: 'license' }
    await stage.send(events.created(licence, { addresses: [{ family: 'ipv4', requested: address }] }))
    await stage.runAll()
    stage.calm()
    await stage.send(events.deleted('k2'))
    await stage.runAll()
    expect(stage.calls).toEqual([])
    expect(await stage.addresses('k2')).toEqual([])
    expect(stage.record(address)?.ptr).toBe('k1.example.net')
  })

  it('of an address that its service still has is pointless', async () => {
    const { address, assignment } = await settled('p1')
    const id = newId()
    const data = {
      id,
      kind: 'release',
      state: 'queued',
      serviceId: 'p1',
      assignmentId: assignment,
      cause: 'operator:test',
    }
    await stage.app.db.operation.create({ data })
    expect(await stage.run(id)).toEqual({ result: 'settled', state: 'superseded' })
    expect(stage.record(address)).toBeDefined()
  })

  describe('that no assignment stands behind', () => {
    /** As applying a plan makes it. */
    async function orphanRelease(address: string, marker: string): Promise<string> {
      const id = newId()
      const connection = await stage.app.db.connection.findUniqueOrThrow({ where: { name: 'ipam' } })
      const data = {
        id,
        kind: 'release',
        state: 'queued',
        connectionId: connection.id,
        cause: 'finding:test',
      }
      await stage.app.db.operation.create({ data: { ...data, payload: { address, marker } } })
      return id
    }
    const marker = 'ipb:00000000-0000-4000-8000-00000000000a'

    it('gives the record back', async () => {
      stage.books.records.set('10.0.90.1', { address: '10.0.90.1', marker, ptr: 'old.example.net' })
      const id = await orphanRelease('10.0.90.1', marker)
      expect(await stage.run(id)).toEqual({ result: 'settled', state: 'done' })
      expect(stage.record('10.0.90.1')).toBeUndefined()
    })

    it('has nothing to do where the record is gone, or carries another marker', async () => {
      const id = await orphanRelease('10.0.90.2', marker)
      expect(await stage.run(id)).toEqual({ result: 'settled', state: 'done' })
      stage.books.records.set('10.0.90.2', { address: '10.0.90.2', marker: `${marker}.1` })
      const again = await orphanRelease('10.0.90.2', marker)
      expect(await stage.run(again)).toEqual({ result: 'settled', state: 'done' })
      expect(stage.record('10.0.90.2')).toBeDefined()
    })

    it('leaves an address alone that a service has by now', async () => {
      const { address } = await settled('q1')
      stage.books.records.set(address, { address, marker })
      const id = await orphanRelease(address, marker)
      expect(await stage.run(id)).toMatchObject({ result: 'retry' })
      expect((await stage.operation(id)).error?.message).toContain('service q1 has it')
      expect(stage.record(address)).toMatchObject({ marker })
    })
  })
})
