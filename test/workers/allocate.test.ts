import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { markerOf } from '../../src/domain/marker.ts'
import { IpbridgeError } from '../../src/errors.ts'
import { admin } from '../helpers/api.ts'
import { events } from '../helpers/events.ts'
import { type Stage, startStage } from '../helpers/stage.ts'

const lost = () => {
  throw new IpbridgeError('outcome_unknown', 'the connection broke', { outcome: 'unknown' })
}

describe('The allocation of an address', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await startStage()
  })
  afterEach(() => stage.calm())
  afterAll(() => stage.shutDown())

  const markerOfService = async (service: string) => {
    const row = await stage.app.db.assignment.findFirstOrThrow({ where: { serviceId: service } })
    return markerOf(row)
  }

  it('fails where the IPAM grants one of the other family, which nobody gets, and which goes back with the slot', async () => {
    stage.traits.ipam = {
      request: want => stage.books.request({ ...want, family: 6 }, AbortSignal.timeout(1_000)),
    }
    const [operation] = await stage.send(events.created({ id: 'odd' }))
    for (const _ of ['granted', 'found again']) {
      await stage.run(operation)
      expect(await stage.operation(operation)).toMatchObject({
        state: 'failed',
        error: {
          code: 'ipam_refused',
          message: expect.stringMatching(/^ipam granted 2001:db8::\S+ where an IPv4 address was asked for/),
        },
      })
      await stage.app.desk.operations.retry(admin, operation ?? '')
    }
    expect(stage.books.records.size).toBe(1)
    await stage.send(events.deleted('odd'))
    await stage.runAll()
    expect(stage.books.records.size).toBe(0)
  })

  describe('in the ordinary case', () => {
    it('finds nothing, requests, checks, names, records, configures, and tells billing', async () => {
      const [operation] = await stage.send(events.created({ id: 'a1' }))
      expect(await stage.run(operation)).toEqual({ result: 'settled', state: 'done' })
      expect(await stage.steps(operation)).toEqual([
        'find: nothing',
        'request: done',
        'check: free',
        'ptr: done',
        'record: reserved',
        'configure: done',
        'keep the guest: done',
      ])
      const [address] = await stage.addresses('a1')
      expect(address).toMatchObject({
        slot: 'main',
        state: 'active',
        ptr: 'a1.example.net',
        connection: 'ipam',
      })
      expect(stage.record(address?.address)).toMatchObject({
        marker: await markerOfService('a1'),
        ptr: 'a1.example.net',
        owner: 'a1 main',
      })
      expect(await stage.told('a1', 'address.assigned')).toEqual([
        {
          service: 'a1',
          slot: 'main',
          address: address?.address,
          ptr: 'a1.example.net',
          server: 'node1',
          connection: 'ipam',
          applied: 'now',
          network: { prefix: 16 },
        },
      ])
    })

    it('gives the guest its address, and keeps which guest it is', async () => {
      await stage.send(events.created({ id: 'a2' }))
      await stage.runAll()
      const [main] = await stage.addresses('a2')
      expect([...(stage.panel.books.get('guest-a2')?.addresses ?? [])]).toEqual([
        [main?.address, 'a2.example.net'],
      ])
      const service = await stage.app.db.service.findUniqueOrThrow({ where: { id: 'a2' } })
      expect(service.guest).toBe('guest-a2')

      let configured: unknown
      stage.cues.before = (call, args) => {
        if (call === 'configure') configured = args.slice(0, 2)
      }
      await stage.send(events.ordered('a2', 'o1', { ptr: 'extra.example.net' }))
      await stage.runAll()
      const extra = (await stage.addresses('a2'))[1]
      expect(configured).toMatchObject([
        { id: 'a2', kind: 'vps', guest: 'guest-a2', domain: 'a2.example.net' },
        { address: extra?.address, ptr: 'extra.example.net', main: false, network: { prefix: 16 } },
      ])
    })

    it('sets no PTR where none is wished', async () => {
      await stage.send(events.created({ id: 'a3' }, { addresses: [{ family: 'ipv6', ptr: null }] }))
      await stage.runAll()
      const [address] = await stage.addresses('a3')
      expect(address).toMatchObject({ family: 'ipv6', state: 'active', ptr: null })
      expect(stage.record(address?.address)?.ptr).toBeUndefined()
    })

    it('asks an IPAM without PTRs for none', async () => {
      stage.traits.ipam = { abilities: { reads: 'marker', pools: true, ptr: false, requestsSpecific: true } }
      const [operation] = await stage.send(events.created({ id: 'a4' }))
      await stage.run(operation)
      expect(stage.calls).not.toContain('setPtr')
      expect(await stage.addresses('a4')).toMatchObject([{ state: 'active', ptr: null }])
    })

    it('takes the address that was asked for, and from the pool that was asked for', async () => {
      await stage.send(
        events.created({ id: 'a5' }, { addresses: [{ family: 'ipv4', requested: '10.0.77.7' }] }),
        events.ordered('a5', 'o1', { pool: 'other' }),
      )
      await stage.runAll()
      const [main, extra] = await stage.addresses('a5')
      expect(main?.address).toBe('10.0.77.7')
      expect(extra?.address).toMatch(/^10\.1\.0\./)
    })

    it('keeps to the pools of the server, and leaves the configuration to people where it has no panel', async () => {
      const [operation] = await stage.send(events.created({ id: 'a6', server: 'node2' }))
      await stage.run(operation)
      expect(await stage.addresses('a6')).toMatchObject([{ address: expect.stringMatching(/^10\.1\.0\./) }])
      expect(await stage.steps(operation)).not.toContain('configure: done')
      expect(await stage.told('a6', 'address.assigned')).toMatchObject([{ applied: 'by hand' }])
    })

    it('says when the guest gets its address only at its next start', async () => {
      stage.traits.panel = { configure: async () => ({ guest: 'vm-7', applied: 'on reboot' }) }
      const [operation] = await stage.send(events.created({ id: 'a7' }))
      await stage.run(operation)
      expect(await stage.steps(operation)).toContain('configure: applied on reboot')
      expect(await stage.told('a7', 'address.assigned')).toMatchObject([{ applied: 'on reboot' }])
    })
  })

  describe('that fails on the way', () => {
    it('finds the grant again whose answer was lost', async () => {
      const [operation] = await stage.send(events.created({ id: 'f1' }))
      stage.cues.after = call => call === 'request' && lost()
      expect(await stage.run(operation)).toMatchObject({ result: 'retry' })
      expect(await stage.steps(operation)).toEqual(['find: nothing', 'request: unknown'])

      stage.calm()
      await stage.run(operation)
      expect((await stage.steps(operation))[0]).toBe('find: found')
      expect(stage.calls).not.toContain('request')
      const marker = await markerOfService('f1')
      expect([...stage.books.records.values()].filter(record => record.marker === marker)).toHaveLength(1)
    })

    it.each(['setPtr', 'configure'])('goes on with the same address after two failures of %s', async call => {
      const id = `f2-${call}`
      const [operation] = await stage.send(events.created({ id }))
      stage.cues.before = name => name === call && lost()
      expect(await stage.run(operation)).toMatchObject({ result: 'retry' })
      const marker = await markerOfService(id)
      const granted = [...stage.books.records.values()].find(record => record.marker === marker)?.address
      expect(await stage.run(operation)).toMatchObject({ result: 'retry' })
      stage.calm()
      expect(await stage.run(operation)).toEqual({ result: 'settled', state: 'done' })
      expect(await stage.addresses(id)).toMatchObject([{ address: granted, state: 'active' }])
      expect(stage.calls).not.toContain('request')
    })

    it('does not set a PTR twice that is there already', async () => {
      const [operation] = await stage.send(events.created({ id: 'f3' }))
      stage.cues.after = call => call === 'setPtr' && lost()
      await stage.run(operation)
      stage.calm()
      await stage.run(operation)
      expect(await stage.steps(operation)).toContain('ptr: found')
      expect(stage.calls).not.toContain('setPtr')
    })

    it('leaves a reserved address reserved until its guest has it', async () => {
      const [operation] = await stage.send(events.created({ id: 'f4' }))
      stage.cues.before = call => call === 'configure' && lost()
      await stage.run(operation)
      expect(await stage.addresses('f4')).toMatchObject([{ state: 'reserved' }])
      expect(await stage.told('f4', 'address.assigned')).toEqual([])
    })

    it('fails at once where trying again cannot help, and says why', async () => {
      const [taken] = await stage.send(
        events.created({ id: 'f5' }, { addresses: [{ family: 'ipv4', requested: '10.0.99.9' }] }),
      )
      stage.books.records.set('10.0.99.9', { address: '10.0.99.9' })
      expect(await stage.run(taken)).toMatchObject({ result: 'failed' })
      expect(await stage.operation(taken)).toMatchObject({
        state: 'failed',
        error: { code: 'address_taken' },
      })
      expect(await stage.told('f5', 'operation.failed')).toMatchObject([
        { kind: 'allocate', code: 'address_taken' },
      ])
    })

    it('is parked while no address is free', async () => {
      const [operation] = await stage.send(events.created({ id: 'f6' }))
      stage.cues.before = call => {
        if (call === 'request') throw new IpbridgeError('pool_exhausted', 'no address is free')
      }
      expect(await stage.run(operation)).toEqual({ result: 'settled', state: 'parked' })
      expect(await stage.operation(operation)).toMatchObject({
        attempts: 0,
        error: { code: 'pool_exhausted' },
      })
    })

    it('ends without a word once a later claim has taken it over', async () => {
      const [operation = ''] = await stage.send(events.created({ id: 'f7' }))
      const takeOver = { epoch: { increment: 1 } }
      stage.cues.before = call =>
        call === 'setPtr' && stage.app.db.operation.update({ where: { id: operation }, data: takeOver })
      expect(await stage.run(operation)).toEqual({ result: 'lost' })
      expect(await stage.addresses('f7')).toMatchObject([{ state: 'pending', address: null }])
      expect(stage.calls).not.toContain('configure')
    })
  })

  describe('of a service that moves meanwhile', () => {
    it('does not take the guest at the old server for the one at the new server', async () => {
      const [operation] = await stage.send(events.created({ id: 'mv1' }))
      stage.cues.after = async call => {
        if (call !== 'configure') return
        stage.cues.after = () => {}
        await stage.send(events.created({ id: 'mv1', server: 'node2' }))
      }
      expect(await stage.run(operation)).toEqual({ result: 'settled', state: 'done' })
      expect(await stage.app.db.service.findUnique({ where: { id: 'mv1' } })).toMatchObject({ guest: null })
      await stage.runAll()
      expect([...(stage.panel.books.get('guest-mv1')?.addresses.keys() ?? [])]).toEqual([])
    })
  })

  describe('of a service that is taken back', () => {
    it('does nothing where it has not begun', async () => {
      const [operation] = await stage.send(events.created({ id: 's1' }))
      await stage.send(events.deleted('s1'))
      expect(await stage.run(operation)).toEqual({ result: 'not claimed' })
      expect(await stage.operation(operation)).toMatchObject({ state: 'superseded' })
      expect(stage.calls).toEqual([])
    })

    it('stops where it is, and the release that comes after it gives the address back', async () => {
      const [operation] = await stage.send(events.created({ id: 's2' }))
      stage.cues.before = call => call === 'setPtr' && stage.send(events.deleted('s2'))
      expect(await stage.run(operation)).toEqual({ result: 'settled', state: 'superseded' })
      expect(await stage.steps(operation)).toContain('record: revoked')
      expect(stage.calls).not.toContain('configure')
      stage.calm()
      const held = () => [...stage.books.records.values()].filter(record => record.owner === 's2 main')
      expect(held()).toHaveLength(1)
      await stage.runAll()
      expect(held()).toEqual([])
      expect(await stage.addresses('s2')).toEqual([])
    })

    it('fails where somebody lets it run before its service is known', async () => {
      const [operation = ''] = await stage.send(events.ordered('s3', 'o1'))
      expect(await stage.operation(operation)).toMatchObject({ state: 'waiting' })
      await stage.app.db.operation.update({ where: { id: operation }, data: { state: 'queued' } })
      expect(await stage.run(operation)).toMatchObject({ result: 'failed' })
      expect(await stage.operation(operation)).toMatchObject({ error: { code: 'service_not_live' } })
      expect(stage.calls).toEqual([])
    })
  })
})
