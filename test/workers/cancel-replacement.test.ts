import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { IpbridgeError } from '../../src/errors.ts'
import { admin } from '../helpers/api.ts'
import { events } from '../helpers/events.ts'
import { type Stage, startStage } from '../helpers/stage.ts'

describe('An operator who cancels the allocation of an address that takes the place of another', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await startStage()
  })
  afterEach(() => stage.calm())
  afterAll(() => stage.shutDown())

  /** A service whose new server has no address for it yet. */
  async function moving(id: string) {
    await stage.send(events.created({ id }))
    await stage.runAll()
    const [address = ''] = (await stage.addresses(id)).map(({ address }) => address)
    const [allocation = ''] = await stage.send(events.created({ id, server: 'node3' }))
    stage.cues.before = call => {
      if (call === 'request') throw new IpbridgeError('bad_credentials', 'the password is wrong')
    }
    expect(await stage.run(allocation)).toMatchObject({ result: 'failed' })
    stage.calm()
    return { address, allocation }
  }

  it('is told that the service would be left without one, and how to go on', async () => {
    const { address, allocation } = await moving('moving-1')
    await expect(stage.app.desk.operations.cancel(admin, allocation)).rejects.toMatchObject({
      code: 'wrong_state',
      message: expect.stringContaining(`service moving-1 would lose ${address} and have none in its place`),
    })
    expect(stage.record(address)).toBeDefined()
    expect(await stage.operation(allocation)).toMatchObject({ state: 'failed' })

    await stage.app.desk.operations.retry(admin, allocation)
    expect(await stage.run(allocation)).toMatchObject({ state: 'done' })
    await stage.runAll()
    expect(stage.record(address)).toBeUndefined()
    expect(await stage.addresses('moving-1')).toContainEqual(expect.objectContaining({ state: 'active' }))
  })

  it('may do so once the service has ended, and nothing is left', async () => {
    const { address, allocation } = await moving('moving-2')
    await stage.send(events.deleted('moving-2'))
    await stage.app.desk.operations.cancel(admin, allocation)
    await stage.runAll()
    expect(stage.record(address)).toBeUndefined()
  })
})
