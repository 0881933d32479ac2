import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createReservations } from '../../src/db/reservations.ts'
import { createForwardLook } from '../../src/dns/forward.ts'
import { IpbridgeError } from '../../src/errors.ts'
import { ptr } from '../../workers/ptr.ts'
import { admin } from '../helpers/api.ts'
import { events } from '../helpers/events.ts'
import { startRunner } from '../helpers/runner.ts'
import { type Stage, startStage } from '../helpers/stage.ts'

describe('The change of a PTR', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await startStage()
  })
  afterEach(() => stage.calm())
  afterAll(() => stage.shutDown())

  async function settled(id: string): Promise<string> {
    await stage.send(events.created({ id }))
    await stage.runAll()
    stage.calm()
    return (await stage.addresses(id))[0]?.address ?? ''
  }
  const ptrOf = async (id: string) => (await stage.addresses(id))[0]?.ptr

  it('writes it, reads it back, records it, and tells billing', async () => {
    const address = await settled('p1')
    const [operation] = await stage.send(events.ptrChanged(address, 'mail.example.org', { service: 'p1' }))
    expect(await stage.run(operation)).toEqual({ result: 'settled', state: 'done' })
    expect(await stage.steps(operation)).toEqual([
      'write on the server: done',
      'write: done',
      'read back: done',
    ])
    expect(stage.record(address)?.ptr).toBe('mail.example.org')
    expect(stage.panel.books.get('guest-p1')?.addresses.get(address)).toBe('mail.example.org')
    expect(await ptrOf('p1')).toBe('mail.example.org')
    const told = { service: 'p1', address, ptr: 'mail.example.org' }
    expect(await stage.told('p1', 'ptr.updated')).toEqual([told])
  })

  it('removes it', async () => {
    const address = await settled('p2')
    await stage.send(events.ptrChanged(address, null, { service: 'p2' }))
    await stage.runAll()
    expect(stage.record(address)).not.toHaveProperty('ptr')
    expect(await ptrOf('p2')).toBeNull()
    expect(await stage.told('p2', 'ptr.updated')).toMatchObject([{ ptr: null }])
  })

  it('finds whose the address is where billing does not say', async () => {
    const address = await settled('p3')
    const [operation] = await stage.send(events.ptrChanged(address, 'mail.example.org'))
    expect(await stage.run(operation)).toEqual({ result: 'settled', state: 'done' })
    expect(await stage.operation(operation)).toMatchObject({ service: 'p3' })
    expect(await ptrOf('p3')).toBe('mail.example.org')
  })

  it('does not believe an IPAM that shows another name afterwards', async () => {
    const address = await settled('p4')
    const [operation] = await stage.send(events.ptrChanged(address, 'mail.example.org', { service: 'p4' }))
    stage.traits.ipam = { setPtr: async () => {} }
    expect(await stage.run(operation)).toMatchObject({ result: 'retry' })
    const { error } = await stage.operation(operation)
    expect(error?.message).toContain('p4.example.net')
    expect(await ptrOf('p4')).toBe('p4.example.net')
    stage.calm()
    expect(await stage.run(operation)).toEqual({ result: 'settled', state: 'done' })
    expect(await ptrOf('p4')).toBe('mail.example.org')
  })

  it('goes on where the answer was lost', async () => {
    const address = await settled('p5')
    const [operation] = await stage.send(events.ptrChanged(address, 'mail.example.org', { service: 'p5' }))
    stage.cues.after = call => {
      if (call === 'setPtr') throw new IpbridgeError('outcome_unknown', 'no answer', { outcome: 'unknown' })
    }
    expect(await stage.run(operation)).toMatchObject({ result: 'retry' })
    stage.calm()
    expect(await stage.run(operation)).toEqual({ result: 'settled', state: 'done' })
    expect(await stage.told('p5', 'ptr.updated')).toHaveLength(1)
  })

  describe('among others', () => {
    it('is the latest one, however they run', async () => {
      const address = await settled('o1')
      const change = (ptr: string, at: number) => events.ptrChanged(address, ptr, { service: 'o1', at })
      const [first] = await stage.send(change('first.example.org', 5_001))
      const [second] = await stage.send(change('second.example.org', 5_002))
      expect(await stage.run(first)).toEqual({ result: 'settled', state: 'superseded' })
      expect(await stage.run(second)).toEqual({ result: 'settled', state: 'done' })
      expect(stage.record(address)?.ptr).toBe('second.example.org')
      const [late] = await stage.send(change('late.example.org', 5_000))
      expect(await stage.operation(late)).toMatchObject({ state: 'superseded' })
      expect(await ptrOf('o1')).toBe('second.example.org')
    })

    it('is superseded by a later one, also where it came before anybody had the address', async () => {
      const requested = '10.0.55.4'
      const [operation] = await stage.send(events.ptrChanged(requested, 'older.example.org', { at: 5_001 }))
      await stage.send(
        events.created({ id: 'o2' }, { addresses: [{ family: 'ipv4', requested }], at: 5_000 }),
        events.ptrChanged(requested, 'later.example.org', { service: 'o2', at: 5_002 }),
      )
      const { operations } = await stage.app.desk.services.show(admin, 'o2')
      for (const { id } of [...operations].reverse()) await stage.run(id)
      expect(stage.record(requested)?.ptr).toBe('later.example.org')
      expect(await stage.run(operation)).toEqual({ result: 'settled', state: 'superseded' })
      expect(stage.record(requested)?.ptr).toBe('later.example.org')
    })
  })

  it('gives way to a later one that comes in between its look at the address and its note of the name', async () => {
    // Told before anybody has the address, so that it has to look for it.
    const requested = '10.0.55.9'
    const [operation = ''] = await stage.send(
      events.ptrChanged(requested, 'older.example.org', { at: 5_001 }),
    )
    await stage.send(events.created({ id: 'b1' }, { addresses: [{ family: 'ipv4', requested }], at: 5_000 }))
    const { operations } = await stage.app.desk.services.show(admin, 'b1')
    for (const { id } of operations) await stage.run(id)
    const reservations = createReservations(stage.app.db)
    let later: string[] = []
    const { ipamOf } = stage.app.ipams
    const { panelOf } = stage.app.panels
    const runner = startRunner(
      stage.app,
      ptr({
        ipamOf,
        lookForward: createForwardLook(),
        panelOf,
        reservations: {
          ...reservations,
          async liveAt(...args) {
            const found = await reservations.liveAt(...args)
            if (later.length === 0) {
              later = await stage.send(
                events.ptrChanged(requested, 'later.example.org', { service: 'b1', at: 5_002 }),
              )
            }
            return found
          },
        },
      }),
    )
    expect(await runner.run(operation)).toEqual({ result: 'settled', state: 'superseded' })
    await stage.runAll()
    expect(stage.record(requested)?.ptr).toBe('later.example.org')
    expect(await ptrOf('b1')).toBe('later.example.org')
    runner.close()
  })

  describe('of an address that its service does not have yet', () => {
    const requested = '10.0.55.5'

    it('waits for it', async () => {
      await settled('w1')
      const [operation] = await stage.send(
        events.ptrChanged(requested, 'soon.example.org', { service: 'w1' }),
      )
      await stage.run(operation)
      expect(await stage.operation(operation)).toMatchObject({ state: 'waiting' })
      await stage.send(events.ordered('w1', 'o1', { requested }))
      await stage.runAll()
      expect(stage.record(requested)?.ptr).toBe('soon.example.org')
      expect((await stage.operation(operation)).state).not.toBe('waiting')
    })

    it('hears of it also where the order came in just as it looked in vain', async () => {
      await settled('w4')
      const wanted = '10.0.55.10'
      const [operation = ''] = await stage.send(
        events.ptrChanged(wanted, 'soon.example.org', { service: 'w4' }),
      )
      await stage.app.db.operation.update({ where: { id: operation }, data: { state: 'queued' } })
      const reservations = createReservations(stage.app.db)
      const runner = startRunner(
        stage.app,
        ptr({
          ipamOf: stage.app.ipams.ipamOf,
          lookForward: createForwardLook(),
          panelOf: stage.app.panels.panelOf,
          reservations: {
            ...reservations,
            async liveAt(...args) {
              const found = await reservations.liveAt(...args)
              await stage.send(events.ordered('w4', 'o1', { requested: wanted }))
              return found
            },
          },
        }),
      )
      expect(await runner.run(operation)).toEqual({ result: 'settled', state: 'waiting' })
      await stage.runAll()
      expect(stage.record(wanted)?.ptr).toBe('soon.example.org')
      expect(await stage.operation(operation)).toMatchObject({ state: 'done' })
      runner.close()
    })

    it('looks again when it is told to, and goes on waiting', async () => {
      await settled('w2')
      const [operation = ''] = await stage.send(
        events.ptrChanged('10.0.55.6', 'soon.example.org', { service: 'w2' }),
      )
      await stage.app.db.operation.update({ where: { id: operation }, data: { state: 'queued' } })
      expect(await stage.run(operation)).toEqual({ result: 'settled', state: 'waiting' })
      expect(await stage.operation(operation)).toMatchObject({
        attempts: 0,
        error: { code: 'address_not_assigned' },
      })
    })

    it('ends at once where the service has given the address back', async () => {
      await settled('g1')
      await stage.send(events.ordered('g1', 'o1'))
      await stage.runAll()
      const address = (await stage.addresses('g1'))[1]?.address ?? ''
      await stage.send(events.cancelled('g1', { order: 'o1' }))
      const [early] = await stage.send(events.ptrChanged(address, 'late.example.org', { service: 'g1' }))
      await stage.runAll()
      const [late] = await stage.send(events.ptrChanged(address, 'later.example.org', { service: 'g1' }))
      await stage.runAll()
      for (const operation of [early, late]) {
        expect(await stage.operation(operation)).toMatchObject({
          state: 'failed',
          error: {
            code: 'address_not_assigned',
            message: `${address} is not assigned to service g1 any more`,
          },
        })
      }
    })

    it('ends with the order that was to bring it', async () => {
      await settled('g2')
      const wanted = '10.0.55.20'
      stage.cues.before = call => {
        if (call === 'request') throw new IpbridgeError('pool_exhausted', 'full')
      }
      await stage.send(events.ordered('g2', 'o1', { requested: wanted }))
      const [operation] = await stage.send(events.ptrChanged(wanted, 'soon.example.org', { service: 'g2' }))
      await stage.runAll()
      stage.calm()
      await stage.send(events.cancelled('g2', { order: 'o1' }))
      await stage.runAll()
      const { state } = await stage.operation(operation)
      expect(['failed', 'superseded', 'done']).toContain(state)
    })

    it('gives up after a day', async () => {
      await settled('w3')
      const [operation = ''] = await stage.send(
        events.ptrChanged('10.0.55.7', 'soon.example.org', { service: 'w3' }),
      )
      const yesterday = new Date(Date.now() - 25 * 3_600_000)
      await stage.app.db.operation.update({
        where: { id: operation },
        data: { state: 'queued', createdAt: yesterday },
      })
      expect(await stage.run(operation)).toMatchObject({ result: 'failed' })
      expect(await stage.operation(operation)).toMatchObject({ error: { code: 'address_not_assigned' } })
    })

    it('fails where nobody has it and no service is named', async () => {
      const [operation] = await stage.send(events.ptrChanged('10.0.55.8', 'soon.example.org'))
      expect(await stage.run(operation)).toMatchObject({ result: 'failed' })
      expect(await stage.operation(operation)).toMatchObject({ error: { code: 'address_not_assigned' } })
    })
  })

  describe('that cannot be made', () => {
    it('of a licence, which runs on somebody else’s address', async () => {
      const requested = await settled('c1')
      await stage.send(
        events.created({ id: 'c2', kind: 'license' }, { addresses: [{ family: 'ipv4', requested }] }),
      )
      await stage.runAll()
      const [operation] = await stage.send(
        events.ptrChanged(requested, 'licence.example.org', { service: 'c2' }),
      )
      expect(await stage.run(operation)).toMatchObject({ result: 'failed' })
      expect(await stage.operation(operation)).toMatchObject({ error: { code: 'record_not_ours' } })
      expect(stage.record(requested)?.ptr).toBe('c1.example.net')
    })

    it('of an address that was released meanwhile', async () => {
      const address = await settled('c3')
      const [operation = ''] = await stage.send(
        events.ptrChanged(address, 'gone.example.org', { service: 'c3' }),
      )
      await stage.send(events.deleted('c3'))
      expect(await stage.operation(operation)).toMatchObject({ state: 'superseded' })
      await stage.app.db.operation.update({
        where: { id: operation },
        data: { state: 'queued', endedAt: null },
      })
      await stage.runAll()
      expect(await stage.operation(operation)).toMatchObject({ state: 'superseded' })
      expect(stage.record(address)).toBeUndefined()
    })

    it('where neither the IPAM nor the server keeps PTRs', async () => {
      const address = await settled('c4')
      const [operation] = await stage.send(events.ptrChanged(address, 'mail.example.org', { service: 'c4' }))
      stage.traits.ipam = { abilities: { reads: 'marker', pools: true, ptr: false, requestsSpecific: true } }
      stage.traits.panel = { setPtr: undefined } as object
      expect(await stage.run(operation)).toMatchObject({ result: 'failed' })
      expect(await stage.operation(operation)).toMatchObject({ error: { code: 'ipam_refused' } })
    })

    it('where the record in the IPAM is not ours any more', async () => {
      const address = await settled('c5')
      stage.books.records.set(address, { address, ptr: 'theirs.example.org' })
      const [operation] = await stage.send(events.ptrChanged(address, 'mail.example.org', { service: 'c5' }))
      expect(await stage.run(operation)).toMatchObject({ result: 'failed' })
      expect(await stage.operation(operation)).toMatchObject({ error: { code: 'record_not_ours' } })
      expect(stage.record(address)?.ptr).toBe('theirs.example.org')
    })
  })

  it('is kept by the server alone where the IPAM keeps none', async () => {
    const address = await settled('k1')
    stage.traits.ipam = { abilities: { reads: 'marker', pools: true, ptr: false, requestsSpecific: true } }
    const [operation] = await stage.send(events.ptrChanged(address, 'mail.example.org', { service: 'k1' }))
    expect(await stage.run(operation)).toEqual({ result: 'settled', state: 'done' })
    expect(await stage.steps(operation)).toEqual(['write on the server: done'])
    expect(stage.panel.books.get('guest-k1')?.addresses.get(address)).toBe('mail.example.org')
  })
})
