import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { takeSnapshot } from '../../src/db/snapshot.ts'
import { checkInvariants } from '../../src/domain/invariants.ts'
import { IpbridgeError } from '../../src/errors.ts'
import { admin } from '../helpers/api.ts'
import { conflictsOn } from '../helpers/conflicts.ts'
import { events } from '../helpers/events.ts'
import { type Stage, startStage } from '../helpers/stage.ts'

describe('An operator who decides about a conflict', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await startStage()
  })
  afterEach(() => stage.calm())
  afterAll(() => stage.shutDown())

  const { addressOf, conflict, resolve, runToTheEnd, show, twoConflicts } = conflictsOn(() => stage)
  /** Both connections of the stage list the same books. */
  async function brokenPromises() {
    const snapshot = await takeSnapshot(stage.app.db, stage.app.ipams.driver)
    const records = [...new Map(snapshot.records.map(record => [record.address, record])).values()]
    return checkInvariants({ ...snapshot, records }, { quiet: true })
  }

  it('sees both services, what the claimant has instead, and that it is open', async () => {
    const { id, holder, claimant, address } = await conflict()
    expect(await show(id)).toMatchObject({
      address,
      holder,
      claimant,
      claimantAddress: (await addressOf(claimant))[0],
      connection: 'ipam',
      state: 'open',
      resolution: null,
      decisions: [],
    })
  })

  it('for the holder: the record becomes the holder’s, and stays marked', async () => {
    const { id, holder, claimant, address } = await conflict()
    const other = await addressOf(claimant)
    const { operations } = await resolve(id, 'holder')
    expect(await show(id)).toMatchObject({ state: 'deciding', resolution: 'holder', decisions: operations })
    await stage.runAll()
    expect(await stage.steps(operations[0])).toEqual(['claim: done', 'settle the conflict: done'])
    expect(await show(id)).toMatchObject({ state: 'resolved', resolvedAt: expect.any(Date) })
    const [own] = await stage.addresses(holder)
    expect(stage.record(address)).toMatchObject({ marker: own?.marker, ptr: 'dns.set.error' })
    expect(await addressOf(claimant)).toEqual(other)
    expect(await brokenPromises()).toEqual([])

    await stage.send(events.deleted(holder))
    await stage.runAll()
    expect(stage.record(address)).toBeUndefined()
  })

  it('for the claimant: it gets the address, and the holder another one before it loses this', async () => {
    const { id, holder, claimant, address } = await conflict()
    const [before = ''] = await addressOf(claimant)
    const { operations } = await resolve(id, 'claimant')
    await runToTheEnd(operations)
    for (const operation of operations)
      expect(await stage.operation(operation)).toMatchObject({ state: 'done' })
    expect(await addressOf(claimant)).toEqual([address])
    expect(stage.record(address)).toMatchObject({ ptr: `${claimant}.example.net` })
    const [anew] = await addressOf(holder)
    expect(anew).not.toBe(address)
    expect(stage.record(anew)).toMatchObject({ ptr: `${holder}.example.net` })
    expect(stage.record(before)).toBeUndefined()
    expect(await show(id)).toMatchObject({ state: 'resolved', resolution: 'claimant' })
    expect(await stage.told(holder, 'address.released')).toMatchObject([{ address }])
    expect(await stage.told(claimant, 'address.released')).toMatchObject([{ address: before }])
    expect(await brokenPromises()).toEqual([])
  })

  it('for the claimant tells its server, and billing, of the network that the address is in', async () => {
    const { id, claimant, address } = await conflict()
    const networks: unknown[] = []
    stage.cues.before = (call, [service, wanted]) => {
      const { address: configured, network } = (wanted ?? {}) as { address?: string; network?: unknown }
      if (call === 'configure' && (service as { id: string }).id === claimant && configured === address)
        networks.push(network)
    }
    const { operations } = await resolve(id, 'claimant')
    await runToTheEnd(operations)
    expect(networks).toEqual([{ prefix: 16 }])
    const told = (await stage.told(claimant, 'address.assigned')).at(-1)
    expect(told).toMatchObject({ address, network: { prefix: 16 } })
  })

  it('for the claimant takes the address that it gives up off the server where it was, also after a move', async () => {
    const { id, claimant } = await conflict()
    const [before = ''] = await addressOf(claimant)
    const onGuest = () => [...(stage.panel.books.get(`guest-${claimant}`)?.addresses.keys() ?? [])]
    expect(onGuest()).toEqual([before])
    const { operations } = await resolve(id, 'claimant')
    await stage.send(events.created({ id: claimant, server: 'node2' }))
    await runToTheEnd(operations)
    expect(onGuest()).not.toContain(before)
  })

  it('for the claimant keeps the address with the holder as long as there is no other for it', async () => {
    const { id, holder, claimant, address } = await conflict()
    const before = await addressOf(claimant)
    stage.cues.before = call => {
      if (call === 'request') throw new IpbridgeError('pool_exhausted', 'no address is free')
    }
    const { operations } = await resolve(id, 'claimant')
    await runToTheEnd(operations)
    const held = await stage.app.db.assignment.findMany({ where: { address, state: { not: 'released' } } })
    expect(held).toMatchObject([{ serviceId: holder, state: 'releasing' }])
    expect(stage.record(before[0])).toBeDefined()
    expect(await show(id)).toMatchObject({ state: 'deciding' })
    stage.calm()
    await runToTheEnd(operations)
    expect(await show(id)).toMatchObject({ state: 'resolved' })
    expect(await addressOf(claimant)).toEqual([address])
  })

  it('for the claimant takes its other address off the server where it was, wherever the claimant is by then', async () => {
    const { id, claimant } = await conflict()
    const before = (await addressOf(claimant))[0] ?? ''
    const { operations } = await resolve(id, 'claimant')
    await stage.send(events.created({ id: claimant, server: 'node2' }))
    await runToTheEnd(operations)
    expect(stage.record(before)).toBeUndefined()
    expect(stage.panel.books.get(`guest-${claimant}`)?.addresses.has(before)).toBe(false)
  })

  it('for the claimant, and somebody else gets the address first: it keeps the one that it has, and may decide anew', async () => {
    const { id, claimant, address } = await conflict()
    const [before] = await addressOf(claimant)
    const { operations } = await resolve(id, 'claimant')
    const [holderMoves = '', holderLeaves = '', comes = '', leaves = ''] = operations
    await stage.run(holderMoves)
    await stage.run(holderLeaves)
    // Somebody removes the record by hand, and the address is free.
    stage.books.records.delete(address)
    const taker = `taker-of-${address}`
    const [taken] = await stage.send(
      events.created({ id: taker }, { addresses: [{ family: 'ipv4', requested: address }] }),
    )
    await stage.run(taken)
    expect(await stage.run(comes)).toEqual({ result: 'settled', state: 'superseded' })
    expect(await stage.operation(leaves)).toMatchObject({ state: 'superseded' })
    expect(await addressOf(claimant)).toContain(before)
    expect(await addressOf(taker)).toEqual([address])
    expect(await show(id)).toMatchObject({ state: 'open', claimantAddress: before })
    await runToTheEnd((await resolve(id, 'holder')).operations)
    expect(await show(id)).toMatchObject({ state: 'resolved' })
    expect(await brokenPromises()).toEqual([])
  })

  it('for neither: it goes back to the IPAM, once nobody has it', async () => {
    const { id, holder, address } = await conflict()
    await expect(resolve(id, 'free')).rejects.toMatchObject({
      code: 'still_in_use',
      message: expect.stringContaining(
        `service ${holder} has ${address}; decide for the holder or the claimant`,
      ),
    })
    await stage.send(events.deleted(holder))
    await stage.runAll()
    expect(stage.record(address)).toMatchObject({ ptr: 'dns.set.error' })
    const { operations } = await resolve(id, 'free')
    expect(await show(id)).toMatchObject({ state: 'deciding' })
    await stage.runAll()
    expect(await stage.operation(operations[0])).toMatchObject({ kind: 'release', state: 'done' })
    expect(stage.record(address)).toBeUndefined()
    expect(await show(id)).toMatchObject({ state: 'resolved', resolution: 'free' })
    expect(await brokenPromises()).toEqual([])
  })

  describe('over an address that was granted to two others', () => {
    it('cannot decide about the second until what was decided about the first is done', async () => {
      const { id, other, address } = await twoConflicts()
      const { operations } = await resolve(id, 'claimant')
      for (const resolution of ['holder', 'claimant', 'free'] as const) {
        await expect(resolve(other, resolution)).rejects.toMatchObject({
          code: 'wrong_state',
          message: expect.stringContaining(`conflict ${id} over ${address} was decided before`),
        })
      }
      await runToTheEnd(operations)
      expect(await show(id)).toMatchObject({ state: 'resolved' })
      expect(await show(other)).toMatchObject({ state: 'open' })
    })

    it('for the first claimant: it gets the address, whosever mark the record carries, and keeps it', async () => {
      const { id, other, claimant, third, address } = await twoConflicts()
      const [others] = await addressOf(third)
      const { operations } = await resolve(id, 'claimant')
      await runToTheEnd(operations)
      expect(await addressOf(claimant)).toEqual([address])

      await expect(resolve(other, 'claimant')).rejects.toMatchObject({
        message: expect.stringContaining(`service ${claimant} has ${address} by now`),
      })
      await expect(resolve(other, 'free')).rejects.toMatchObject({ code: 'still_in_use' })
      await runToTheEnd((await resolve(other, 'holder')).operations)
      expect(await show(other)).toMatchObject({ state: 'resolved' })
      const [own] = await stage.addresses(claimant)
      expect(own?.address).toBe(address)
      expect(stage.record(address)).toMatchObject({ marker: own?.marker })
      expect(await addressOf(third)).toEqual([others])
      expect(await brokenPromises()).toEqual([])
    })

    it('for the holder, twice: the record is the holder’s in the end', async () => {
      const { id, other, holder, address } = await twoConflicts()
      await runToTheEnd((await resolve(id, 'holder')).operations)
      await runToTheEnd((await resolve(other, 'holder')).operations)
      const [own] = await stage.addresses(holder)
      expect(stage.record(address)).toMatchObject({ marker: own?.marker })
      expect([await show(id), await show(other)]).toMatchObject([
        { state: 'resolved' },
        { state: 'resolved' },
      ])
      expect(await brokenPromises()).toEqual([])
    })

    it('for the holder, and then for the other claimant: the record passes from the one to the other', async () => {
      const { id, other, holder, third, address } = await twoConflicts()
      await runToTheEnd((await resolve(id, 'holder')).operations)
      const released: unknown[] = []
      stage.cues.before = (call, [held]) => {
        if (call === 'release') released.push((held as { address: string }).address)
      }
      await runToTheEnd((await resolve(other, 'claimant')).operations)
      expect(await show(other)).toMatchObject({ state: 'resolved' })
      // It was nobody else's for a moment.
      expect(released).not.toContain(address)
      const [own] = await stage.addresses(third)
      expect(own?.address).toBe(address)
      expect(stage.record(address)).toMatchObject({ marker: own?.marker, ptr: `${third}.example.net` })
      expect(await addressOf(holder)).not.toContain(address)
      expect(await brokenPromises()).toEqual([])
    })

    it('for neither: it goes back with the last of them', async () => {
      const { id, other, holder, address } = await twoConflicts()
      await stage.send(events.deleted(holder))
      await stage.runAll()
      await runToTheEnd((await resolve(id, 'free')).operations)
      expect(stage.record(address)).toBeDefined()
      await runToTheEnd((await resolve(other, 'free')).operations)
      expect(stage.record(address)).toBeUndefined()
      expect([await show(id), await show(other)]).toMatchObject([
        { state: 'resolved' },
        { state: 'resolved' },
      ])
      expect(await brokenPromises()).toEqual([])
    })
  })

  it('is audited with the reason, and cannot decide twice', async () => {
    const { id, address } = await conflict()
    const { operations } = await resolve(id, 'holder')
    await expect(resolve(id, 'claimant')).rejects.toMatchObject({
      code: 'wrong_state',
      message: expect.stringContaining(`operation ${operations[0]} is queued`),
    })
    await stage.runAll()
    await expect(resolve(id, 'claimant')).rejects.toMatchObject({ code: 'wrong_state' })
    const entry = await stage.app.db.auditEntry.findFirstOrThrow({ where: { subject: `conflict:${id}` } })
    expect(entry).toMatchObject({
      actor: 'test',
      action: 'conflict.resolve',
      reason: 'looked at both servers',
      change: { address, resolution: 'holder', operations },
    })
  })

  it('for a holder that has it no more, or a claimant that is gone, is told so', async () => {
    const one = await conflict()
    await stage.send(events.deleted(one.holder))
    await stage.runAll()
    await expect(resolve(one.id, 'holder')).rejects.toMatchObject({
      code: 'wrong_state',
      message: expect.stringContaining(`service ${one.holder} has ${one.address} no longer`),
    })
    const two = await conflict()
    await stage.send(events.deleted(two.claimant))
    await stage.runAll()
    await expect(resolve(two.id, 'claimant')).rejects.toMatchObject({ code: 'wrong_state' })
    expect(await show(two.id)).toMatchObject({ state: 'open', claimantAddress: null })
    expect(stage.record(two.address)).toMatchObject({ ptr: 'dns.set.error' })
  })

  it('may go on where the IPAM was away in between: until then it stays open and visible', async () => {
    const { id, address, marker } = await conflict()
    const { operations } = await resolve(id, 'holder')
    stage.cues.before = call => {
      if (call === 'claim') throw new IpbridgeError('bad_credentials', 'the password is wrong')
    }
    expect(await stage.run(operations[0])).toMatchObject({ result: 'failed' })
    expect(await show(id)).toMatchObject({ state: 'deciding', resolvedAt: null })
    expect(stage.record(address)).toMatchObject({ marker, ptr: 'dns.set.error' })
    stage.calm()
    await stage.app.desk.operations.retry(admin, operations[0] ?? '')
    await stage.runAll()
    expect(await show(id)).toMatchObject({ state: 'resolved' })
  })
})
