import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { IpbridgeError } from '../../src/errors.ts'
import { admin } from '../helpers/api.ts'
import { conflictsOn } from '../helpers/conflicts.ts'
import { events } from '../helpers/events.ts'
import { type Stage, startStage } from '../helpers/stage.ts'

describe('A claimant that a conflict is decided for', () => {
  let stage: Stage
  beforeEach(async () => {
    stage = await startStage()
    await stage.app.desk.servers.add(admin, { name: 'node4', panel: 'memory', connection: 'ipam' })
  })
  afterEach(() => stage.shutDown())

  const { addressOf, conflict, resolve, runToTheEnd, show, twoConflicts } = conflictsOn(() => stage)

  /** Up to the moment when the claimant's operation is to run, and somebody else has the address. */
  async function untilTaken(
    address: string,
    operations: string[],
    between: () => Promise<unknown> = async () => {},
  ) {
    const [holderMoves = '', holderLeaves = ''] = operations
    await stage.run(holderMoves)
    await stage.run(holderLeaves)
    await between()
    stage.books.records.delete(address)
    const [taken] = await stage.send(
      events.created({ id: `taker-of-${address}` }, { addresses: [{ family: 'ipv4', requested: address }] }),
    )
    await stage.run(taken)
  }

  it('of an address that went back to the IPAM with its holder: the conflict is open again', async () => {
    const { id, other, holder, address } = await twoConflicts()
    await runToTheEnd((await resolve(id, 'holder')).operations)
    await stage.send(events.deleted(holder))
    await stage.runAll()
    expect(stage.record(address)).toBeUndefined()
    const { operations } = await resolve(other, 'claimant')
    await runToTheEnd(operations)
    expect((await show(other)).state).not.toBe('deciding')
  })

  it('of an address that was freed for another of two conflicts: the conflict is open again', async () => {
    const { id, other, holder } = await twoConflicts()
    await stage.send(events.deleted(holder))
    await stage.runAll()
    await runToTheEnd((await resolve(other, 'free')).operations)
    const { operations } = await resolve(id, 'claimant')
    await runToTheEnd(operations)
    expect((await show(id)).state).not.toBe('deciding')
  })

  it('who is told of again and keeps its former address: an older word does not take it away', async () => {
    const { id, claimant, address } = await conflict()
    const before = (await addressOf(claimant))[0] ?? ''
    const { operations } = await resolve(id, 'claimant')
    await untilTaken(address, operations, () => stage.send(events.created({ id: claimant }, { at: 100_000 })))
    await runToTheEnd(operations)
    expect(await addressOf(claimant)).toContain(before)
    await stage.send(events.deleted(claimant, { at: 90_000 }))
    await stage.runAll()
    expect(await addressOf(claimant)).toContain(before)
  })

  it('whose holder moves in between, while there is no address for it: the holder keeps what it has', async () => {
    const { id, holder, address } = await conflict()
    stage.cues.before = call => {
      if (call === 'request') throw new IpbridgeError('pool_exhausted', 'no address is free')
    }
    const { operations } = await resolve(id, 'claimant')
    await stage.send(events.created({ id: holder, server: 'node3' }))
    await runToTheEnd(operations)
    const held = await stage.app.db.assignment.findMany({ where: { serviceId: holder } })
    expect(held.some(a => a.address === address && a.state !== 'released')).toBe(true)
  })

  it('may not be the only one that is replaced twice: a service that moves twice keeps what it has meanwhile', async () => {
    await stage.send(events.created({ id: 'twice' }))
    await stage.runAll()
    const before = (await addressOf('twice'))[0] ?? ''
    stage.cues.before = call => {
      if (call === 'request') throw new IpbridgeError('pool_exhausted', 'no address is free')
    }
    const moved = await stage.send(events.created({ id: 'twice', server: 'node3' }))
    await runToTheEnd(moved)
    const again = await stage.send(events.created({ id: 'twice', server: 'node2' }))
    await runToTheEnd([...moved, ...again])
    expect(stage.record(before)).toBeDefined()
  })

  it('whose holder is of another IPAM: that gives the holder its other address', async () => {
    const { id, holder } = await conflict('node3')
    const { operations } = await resolve(id, 'claimant')
    await runToTheEnd(operations)
    const [own] = await stage.app.db.assignment.findMany({
      where: { serviceId: holder, state: 'active' },
      include: { connection: true },
    })
    expect(own?.connection?.name).toBe('ipam')
  })

  it('who keeps its former address: a name that was said for it in between is written', async () => {
    const { id, claimant, address } = await conflict()
    const before = (await addressOf(claimant))[0] ?? ''
    const { operations } = await resolve(id, 'claimant')
    // The claimant waits for the holder, and its other operations go on.
    await stage.run(operations[2])
    await stage.run(operations[3])
    const [changed] = await stage.send(events.ptrChanged(before, 'new.example.org', { service: claimant }))
    await stage.run(changed)
    await untilTaken(address, operations)
    await stage.app.desk.operations.retry(admin, operations[2] ?? '')
    await stage.runAll()
    expect(stage.record(before)).toMatchObject({ ptr: 'new.example.org' })
  })

  it('whose holder is of another IPAM: its record there is given back', async () => {
    const { id, holder } = await conflict('node3')
    const { operations } = await resolve(id, 'claimant')
    await runToTheEnd(operations)
    const ops = await stage.app.db.operation.findMany({
      where: { serviceId: holder, kind: 'release' },
      include: { connection: true },
    })
    expect(ops.every(o => o.connection === null || o.connection.name === 'ipam')).toBe(true)
  })
})
