import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { IpbridgeError } from '../../src/errors.ts'
import { conflictsOn } from '../helpers/conflicts.ts'
import { events } from '../helpers/events.ts'
import { type Stage, startStage } from '../helpers/stage.ts'

describe('Billing cancels an address by its name while another takes its place', () => {
  let stage: Stage
  beforeEach(async () => {
    stage = await startStage()
  })
  afterEach(() => stage.shutDown())

  const { addressOf, conflict, resolve, runToTheEnd } = conflictsOn(() => stage)

  /** A service with an address, on the way to a server of another IPAM. */
  async function moving() {
    await stage.send(events.created({ id: 'mover' }))
    await stage.runAll()
    const address = (await addressOf('mover'))[0] ?? ''
    return { address, moves: await stage.send(events.created({ id: 'mover', server: 'node3' })) }
  }

  it('because its service moves: the service gets no other', async () => {
    const { address, moves } = await moving()
    await stage.send(events.cancelled('mover', { address }))
    await runToTheEnd(moves)
    expect(await addressOf('mover')).toEqual([])
    expect([...stage.books.records.keys()]).toEqual([])
  })

  it('in the same breath as its service moves: the service gets no other', async () => {
    await stage.send(events.created({ id: 'mover' }))
    await stage.runAll()
    const address = (await addressOf('mover'))[0] ?? ''
    const operations = await stage.send(
      events.created({ id: 'mover', server: 'node3' }),
      events.cancelled('mover', { address }),
    )
    await runToTheEnd(operations)
    expect(await addressOf('mover')).toEqual([])
  })

  it('because its service moves twice: the service gets no other', async () => {
    const { address, moves } = await moving()
    stage.cues.before = call => {
      if (call === 'request') throw new IpbridgeError('pool_exhausted', 'no address is free')
    }
    await runToTheEnd(moves)
    const again = await stage.send(events.created({ id: 'mover', server: 'node2' }))
    await stage.send(events.cancelled('mover', { address }))
    stage.calm()
    await runToTheEnd([...moves, ...again])
    expect(await addressOf('mover')).toEqual([])
    expect([...stage.books.records.keys()]).toEqual([])
  })

  it('and is heard only once the new one works: it was said of the slot', async () => {
    const { address, moves } = await moving()
    const late = { ...events.cancelled('mover', { address }), time: new Date().toISOString() }
    await runToTheEnd(moves)
    expect(await addressOf('mover')).not.toContain(address)
    await stage.send(late)
    await stage.runAll()
    expect(await addressOf('mover')).toEqual([])
  })

  it('and says so after it was given back: it means nothing any more', async () => {
    const { address, moves } = await moving()
    await runToTheEnd(moves)
    await stage.send({
      ...events.cancelled('mover', { address }),
      time: new Date(Date.now() + 60_000).toISOString(),
    })
    await stage.runAll()
    expect(await addressOf('mover')).toHaveLength(1)
  })

  it('because a conflict is decided for its service: the service gets none', async () => {
    const { id, claimant } = await conflict()
    const before = (await addressOf(claimant))[0] ?? ''
    const { operations } = await resolve(id, 'claimant')
    await stage.send(events.cancelled(claimant, { address: before }))
    await runToTheEnd(operations)
    expect(await addressOf(claimant)).toEqual([])
    expect(stage.record(before)).toBeUndefined()
  })

  it('because a conflict over it is decided against its service: the service gets no other', async () => {
    const { id, holder, claimant, address } = await conflict()
    const { operations } = await resolve(id, 'claimant')
    await stage.send(events.cancelled(holder, { address }))
    await runToTheEnd(operations)
    expect(await addressOf(holder)).toEqual([])
    expect(await addressOf(claimant)).toEqual([address])
  })

  it('because a conflict between two of its own addresses is decided: it loses the one that had it', async () => {
    await stage.send(events.created({ id: 'both' }))
    await stage.runAll()
    const address = (await addressOf('both'))[0] ?? ''
    stage.books.records.delete(address)
    await stage.send(events.ordered('both', 'o1'))
    await stage.runAll()
    const { id } = await stage.app.db.conflict.findFirstOrThrow({ where: { claimantService: 'both' } })
    const { operations } = await resolve(id, 'claimant')
    await stage.send(events.cancelled('both', { address }))
    await runToTheEnd(operations)
    expect(await stage.addresses('both')).toMatchObject([{ slot: 'order:o1/1', address, state: 'active' }])
  })
})
