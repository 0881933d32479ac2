import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { IpbridgeError } from '../../src/errors.ts'
import { admin } from '../helpers/api.ts'
import { conflictsOn } from '../helpers/conflicts.ts'
import { events } from '../helpers/events.ts'
import { type Stage, startStage } from '../helpers/stage.ts'

describe('The record of an address in conflict that passes from its holder to a claimant', () => {
  let stage: Stage
  beforeEach(async () => {
    stage = await startStage()
    await stage.app.desk.servers.add(admin, { name: 'node5', panel: 'none', connection: 'ipam' })
  })
  afterEach(() => stage.shutDown())

  const { addressOf, resolve, runToTheEnd, show, twoConflicts, conflict } = conflictsOn(() => stage)

  /** Two conflicts, one decided for the holder, the other for its claimant, up to when the holder has another address. */
  async function underWay() {
    const conflicts = await twoConflicts()
    await runToTheEnd((await resolve(conflicts.id, 'holder')).operations)
    const { operations } = await resolve(conflicts.other, 'claimant')
    const [holderMoves = '', holderLeaves = '', comes = '', leaves = ''] = operations
    await stage.run(holderMoves)
    await stage.run(holderLeaves)
    return { ...conflicts, operations, comes, leaves }
  }

  it('bears no name of the holder’s any more', async () => {
    const { address } = await underWay()
    expect(stage.record(address)).toBeDefined()
    expect(stage.record(address)?.ptr).toBeUndefined()
  })

  it('goes back with the conflict where the claimant is deleted before it got there', async () => {
    const { other, third, address, operations } = await underWay()
    await stage.send(events.deleted(third))
    await runToTheEnd(operations)
    expect(await show(other)).toMatchObject({ state: 'open' })
    await runToTheEnd((await resolve(other, 'free')).operations)
    expect(await show(other)).toMatchObject({ state: 'resolved' })
    expect(stage.record(address)).toBeUndefined()
  })

  it('reaches the claimant that it is decided for once more', async () => {
    const { other, third, address, operations, comes } = await underWay()
    stage.cues.before = call => {
      if (call === 'claim') throw new IpbridgeError('record_not_ours', 'somebody else has written to it')
    }
    await stage.run(comes)
    stage.calm()
    await runToTheEnd(operations)
    expect(await show(other)).toMatchObject({ state: 'open' })
    await runToTheEnd((await resolve(other, 'claimant')).operations)
    expect(await show(other)).toMatchObject({ state: 'resolved' })
    expect(await addressOf(third)).toEqual([address])
  })

  it('is no orphan meanwhile, even where the claimant’s operation has failed', async () => {
    const { other, third, address, comes, leaves } = await underWay()
    stage.cues.before = call => {
      if (call === 'claim') throw new IpbridgeError('bad_credentials', 'the password is wrong')
    }
    expect(await stage.run(comes)).toMatchObject({ result: 'failed' })
    stage.calm()
    for (let night = 0; night < 2; night++) {
      const { reconciliations } = stage.app.desk
      const operation = await reconciliations.start('ipam', 'test')
      await stage.runAll()
      const plan = await reconciliations.ofOperation(operation)
      await reconciliations.apply(admin, plan?.id ?? '', AbortSignal.timeout(30_000))
      await stage.runAll()
    }
    expect(stage.record(address)).toBeDefined()
    for (const failed of [comes, leaves]) await stage.app.desk.operations.retry(admin, failed)
    await runToTheEnd([comes, leaves])
    expect(await show(other)).toMatchObject({ state: 'resolved' })
    expect(await addressOf(third)).toEqual([address])
  })

  it('stays on its way where billing tells of the waiting claimant again', async () => {
    const { id, claimant, address } = await conflict()
    const { operations } = await resolve(id, 'claimant')
    await stage.run(operations[2])
    const repeated = await stage.send(events.created({ id: claimant, domain: 'new.example.org' }))
    for (const operation of repeated) await stage.run(operation)
    await runToTheEnd(operations)
    const states = await Promise.all(repeated.map(async op => (await stage.operation(op)).state))
    expect(states).not.toContain('failed')
    expect(await addressOf(claimant)).toEqual([address])
    expect(stage.record(address)).toMatchObject({ ptr: 'new.example.org' })
  })

  it('cannot do so in an IPAM that lets no record pass, and the operator is told what to do', async () => {
    stage.traits.ipam = { claim: undefined as never }
    const { id, address } = await conflict()
    for (const resolution of ['claimant', 'holder'] as const) {
      await expect(resolve(id, resolution)).rejects.toMatchObject({
        code: 'wrong_state',
        message: expect.stringContaining(
          `conflict ${id} over ${address} cannot be resolved as ${resolution}: ipam lets no record pass`,
        ),
      })
    }
    expect(await show(id)).toMatchObject({ state: 'open', decisions: [] })
  })

  it('never comes where somebody else got it: the claimant leaves no address at the server that it has left', async () => {
    const { id, claimant, address } = await conflict()
    const before = (await addressOf(claimant))[0] ?? ''
    const guest = () => stage.panel.books.get(`guest-${claimant}`)?.addresses
    expect(guest()?.has(before)).toBe(true)
    const { operations } = await resolve(id, 'claimant')
    const [holderMoves = '', holderLeaves = ''] = operations
    await stage.run(holderMoves)
    await stage.run(holderLeaves)
    const moved = await stage.send(events.created({ id: claimant, server: 'node5' }))
    stage.books.records.delete(address)
    const taken = await stage.send(
      events.created({ id: 'taker' }, { addresses: [{ family: 'ipv4', requested: address }] }),
    )
    await runToTheEnd(taken)
    await runToTheEnd([...operations, ...moved])
    expect(await addressOf('taker')).toEqual([address])
    expect(await addressOf(claimant)).toContain(before)
    expect(guest()?.has(before) ?? false).toBe(false)
  })
})
