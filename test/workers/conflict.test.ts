import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { markerOf } from '../../src/domain/marker.ts'
import { IpbridgeError } from '../../src/errors.ts'
import { admin } from '../helpers/api.ts'
import { events } from '../helpers/events.ts'
import { type Stage, startStage } from '../helpers/stage.ts'

describe('An address that the IPAM grants although another service has it', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await startStage()
  })
  afterEach(() => stage.calm())
  afterAll(() => stage.shutDown())

  /** Gives services an address each, and has the IPAM forget that they have them. */
  async function forgotten(...services: string[]): Promise<string[]> {
    for (const id of services) await stage.send(events.created({ id }))
    await stage.runAll()
    const addresses = await Promise.all(
      services.map(async id => (await stage.addresses(id))[0]?.address ?? ''),
    )
    for (const address of addresses) stage.books.records.delete(address)
    return addresses
  }

  const conflictsOf = (service: string) =>
    stage.app.db.conflict.findMany({ where: { claimantService: service }, orderBy: { id: 'asc' } })

  it('is marked, stays held, and is stored with both services; the claimant gets another one', async () => {
    const [address = ''] = await forgotten('holder-1')
    const [operation] = await stage.send(events.created({ id: 'claimant-1' }))
    expect(await stage.run(operation)).toEqual({ result: 'settled', state: 'done' })
    expect(await stage.steps(operation)).toEqual([
      'find: nothing',
      'request: done',
      'check: held by holder-1',
      'mark conflict: done',
      'store conflict: done',
      'find: nothing',
      'request: done',
      'check: free',
      'ptr: done',
      'record: reserved',
      'configure: done',
      'keep the guest: done',
    ])
    const assignment = await stage.app.db.assignment.findFirstOrThrow({ where: { serviceId: 'claimant-1' } })
    const firstMarker = markerOf({ id: assignment.id, conflicts: 0 })
    expect(stage.record(address)).toMatchObject({ marker: firstMarker, ptr: 'dns.set.error' })
    expect(assignment.conflicts).toBe(1)
    const [own] = await stage.addresses('claimant-1')
    expect(own?.address).not.toBe(address)
    expect(stage.record(own?.address)).toMatchObject({
      marker: `${firstMarker}.1`,
      ptr: 'claimant-1.example.net',
    })

    expect(await conflictsOf('claimant-1')).toMatchObject([
      { address, holderService: 'holder-1', marker: firstMarker, resolvedAt: null, operationId: operation },
    ])
    const facts = { address, service: 'claimant-1', holder: 'holder-1', connection: 'ipam' }
    expect(await stage.told('claimant-1', 'address.conflict')).toEqual([facts])
    expect(await stage.addresses('holder-1')).toMatchObject([
      { address, state: 'active', ptr: 'holder-1.example.net' },
    ])
  })

  it('is marked with the name that its connection says', async () => {
    const [address] = await forgotten('holder-2')
    await stage.send(events.created({ id: 'claimant-2', server: 'node3' }))
    await stage.runAll()
    expect(stage.record(address)?.ptr).toBe('taken.example.org')
  })

  it('is marked once more, and stored once, when the first try died in between', async () => {
    const [address] = await forgotten('holder-3')
    const [operation] = await stage.send(events.created({ id: 'claimant-3' }))
    stage.cues.after = call => {
      if (call === 'setPtr') throw new IpbridgeError('outcome_unknown', 'no answer', { outcome: 'unknown' })
    }
    expect(await stage.run(operation)).toMatchObject({ result: 'retry' })
    expect(await conflictsOf('claimant-3')).toEqual([])
    stage.calm()
    expect(await stage.run(operation)).toEqual({ result: 'settled', state: 'done' })
    expect(await conflictsOf('claimant-3')).toMatchObject([{ address }])
    expect(stage.record(address)?.ptr).toBe('dns.set.error')
  })

  it('is also noticed when somebody else gets it between the look and the recording', async () => {
    const [operation] = await stage.send(events.created({ id: 'claimant-4' }))
    await stage.send(events.created({ id: 'holder-4', server: 'node2' }))
    let stolen: string | undefined
    stage.cues.before = async (call, args) => {
      if (call !== 'setPtr' || stolen !== undefined) return
      stolen = (args[0] as { address: string }).address
      const connection = await stage.app.db.connection.findUniqueOrThrow({ where: { name: 'ipam' } })
      await stage.app.db.assignment.updateMany({
        where: { serviceId: 'holder-4' },
        data: { state: 'reserved', address: stolen, addressSpace: 'default', connectionId: connection.id },
      })
    }
    expect(await stage.run(operation)).toEqual({ result: 'settled', state: 'done' })
    expect(await stage.steps(operation)).toContain('record: held')
    expect(await conflictsOf('claimant-4')).toMatchObject([{ address: stolen, holderService: 'holder-4' }])
    expect((await stage.addresses('claimant-4'))[0]?.address).not.toBe(stolen)
    expect(stage.record(stolen)?.ptr).toBe('dns.set.error')
    await stage.app.db.operation.updateMany({
      where: { serviceId: 'holder-4', state: 'queued' },
      data: { state: 'cancelled', endedAt: new Date() },
    })
  })

  it('is stored by the release, when the claimant is called off before its allocation could do it', async () => {
    const [address] = await forgotten('holder-6')
    const [operation] = await stage.send(events.created({ id: 'claimant-6' }))
    stage.cues.before = call => {
      if (call === 'setPtr') throw new IpbridgeError('ipam_busy', 'busy')
    }
    expect(await stage.run(operation)).toMatchObject({ result: 'retry' })
    stage.calm()
    await stage.send(events.deleted('claimant-6'))
    await stage.runAll()
    const { items } = await stage.app.desk.operations.list({ service: 'claimant-6', kind: 'release' })
    expect(items).toMatchObject([{ state: 'done', error: null }])
    expect(await conflictsOf('claimant-6')).toMatchObject([
      { address, holderService: 'holder-6', resolvedAt: null },
    ])
    expect(stage.record(address)?.ptr).toBe('dns.set.error')
    expect(await stage.told('claimant-6', 'address.released')).toEqual([])
    expect(await stage.addresses('holder-6')).toMatchObject([{ address, state: 'active' }])
  })

  it('ends the operation at the tenth, and a retry goes on after them', async () => {
    const services = Array.from({ length: 11 }, (_, n) => `many-${n}`)
    await forgotten(...services)
    const [operation = ''] = await stage.send(events.created({ id: 'claimant-5' }))
    expect(await stage.run(operation)).toMatchObject({ result: 'failed' })
    const failed = await stage.operation(operation)
    expect(failed.error).toMatchObject({ code: 'too_many_conflicts' })
    expect(failed.error?.message).toContain('ipbridge reconcile --connection ipam')
    expect(await conflictsOf('claimant-5')).toHaveLength(10)
    expect(await stage.addresses('claimant-5')).toMatchObject([{ state: 'pending', address: null }])

    await stage.app.desk.operations.retry(admin, operation)
    expect(await stage.run(operation)).toEqual({ result: 'settled', state: 'done' })
    expect(await conflictsOf('claimant-5')).toHaveLength(11)
    expect(new Set((await conflictsOf('claimant-5')).map(conflict => conflict.marker)).size).toBe(11)
    expect(await stage.addresses('claimant-5')).toMatchObject([{ state: 'active' }])
  })

  describe('where the other one has given it back, and only the ledger has not heard', () => {
    /** A service whose release has freed its address in the IPAM, without an answer. */
    async function lettingGo(holder: string): Promise<{ address: string; release: string }> {
      await stage.send(events.created({ id: holder }))
      await stage.runAll()
      const address = (await stage.addresses(holder))[0]?.address ?? ''
      const [release = ''] = await stage.send(events.deleted(holder))
      stage.cues.after = call => {
        if (call === 'release')
          throw new IpbridgeError('outcome_unknown', 'no answer', { outcome: 'unknown' })
      }
      expect(await stage.run(release)).toMatchObject({ result: 'retry' })
      stage.calm()
      expect(stage.record(address)).toBeUndefined()
      return { address, release }
    }
    const order = (id: string, requested: string) =>
      stage.send(events.created({ id }, { addresses: [{ family: 'ipv4', requested }] }))

    it('is no conflict: the new one waits until the release is recorded, and has it then', async () => {
      const { address, release } = await lettingGo('holder-8')
      const [operation = ''] = await order('claimant-8', address)
      expect(await stage.run(operation)).toEqual({ result: 'settled', state: 'waiting' })
      expect(await stage.operation(operation)).toMatchObject({ error: { code: 'still_in_use' } })
      expect(stage.record(address)?.ptr).not.toBe('dns.set.error')
      await stage.app.desk.operations.retry(admin, release)
      expect(await stage.run(release)).toEqual({ result: 'settled', state: 'done' })
      await stage.app.desk.operations.retry(admin, operation)
      expect(await stage.run(operation)).toEqual({ result: 'settled', state: 'done' })
      expect(await stage.addresses('claimant-8')).toMatchObject([{ address, state: 'active' }])
      expect(await conflictsOf('claimant-8')).toEqual([])
    })

    it('nor for one that is called off meanwhile: it gives back what it was granted', async () => {
      const { address, release } = await lettingGo('holder-9')
      const [operation = ''] = await order('claimant-9', address)
      expect(await stage.run(operation)).toEqual({ result: 'settled', state: 'waiting' })
      await stage.send(events.deleted('claimant-9'))
      const { items } = await stage.app.desk.operations.list({ service: 'claimant-9', kind: 'release' })
      const calledOff = items[0]?.id ?? ''
      expect(await stage.run(calledOff)).toEqual({ result: 'settled', state: 'waiting' })
      await stage.app.desk.operations.retry(admin, release)
      expect(await stage.run(release)).toEqual({ result: 'settled', state: 'done' })
      await stage.app.desk.operations.retry(admin, calledOff)
      expect(await stage.run(calledOff)).toEqual({ result: 'settled', state: 'done' })
      expect(stage.record(address)).toBeUndefined()
      expect(await conflictsOf('claimant-9')).toEqual([])
    })

    it('is one where the release has failed: nobody waits for that', async () => {
      const { address, release } = await lettingGo('holder-10')
      await stage.app.db.operation.update({
        where: { id: release },
        data: { state: 'failed', endedAt: new Date(), announceAt: null },
      })
      const [operation = ''] = await stage.send(events.created({ id: 'claimant-10' }))
      expect(await stage.run(operation)).toMatchObject({ result: 'settled', state: 'done' })
      const conflicts = await conflictsOf('claimant-10')
      expect(conflicts.map(conflict => conflict.address)).toEqual([address])
    })
  })

  describe('where one of the two is a licence', () => {
    it('is no conflict for the licence, which holds nothing in the IPAM', async () => {
      await stage.send(events.created({ id: 'holder-6' }))
      await stage.runAll()
      const [held] = await stage.addresses('holder-6')
      stage.calm()
      const requested = held?.address ?? ''
      const licence = { id: 'licence-6', kind: 'license' }
      const [operation] = await stage.send(
        events.created(licence, { addresses: [{ family: 'ipv4', requested }] }),
      )
      expect(await stage.run(operation)).toEqual({ result: 'settled', state: 'done' })
      expect(await stage.steps(operation)).toEqual(['record: reserved'])
      expect(stage.calls).toEqual([])
      expect(await stage.addresses('licence-6')).toMatchObject([
        { address: requested, state: 'active', ptr: null },
      ])
      expect(await stage.told('licence-6', 'address.assigned')).toMatchObject([{ applied: 'by others' }])
    })

    it('is no conflict for whoever is granted an address that a licence names', async () => {
      const licence = { id: 'licence-7', kind: 'license' }
      const requested = '10.0.200.7'
      await stage.send(events.created(licence, { addresses: [{ family: 'ipv4', requested }] }))
      await stage.runAll()
      const [operation] = await stage.send(
        events.created({ id: 'claimant-7' }, { addresses: [{ family: 'ipv4', requested }] }),
      )
      await stage.run(operation)
      expect(await stage.steps(operation)).toContain('check: free')
      expect(await stage.addresses('claimant-7')).toMatchObject([{ address: requested, state: 'active' }])
    })
  })
})
