import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { overload } from '../../bench/overload/overload.ts'
import { processesOn } from '../../bench/stage.ts'
import { backend, queueMissing, startTestApp, type TestApp } from '../helpers/app.ts'

// The whole of it is `npm run overload`. How fast answers come is judged there, on a machine with nothing else to do.
describe.skipIf(queueMissing || backend !== 'redis')('When twice as many events come as can be done', () => {
  let app: TestApp
  let processes: ReturnType<typeof processesOn>

  beforeAll(async () => {
    app = await startTestApp({ work: false })
    processes = processesOn({ ...app.env, LOG_LEVEL: 'error' })
  })
  afterAll(async () => {
    await processes.stopAll()
    await app.shutDown()
  })

  it('all that is accepted gets done, exactly once, in bounded memory', async () => {
    const { told, verdict } = await overload(
      { env: app.env, spawn: processes.spawn },
      { seconds: 5, rehearsal: 500, factor: 2, backlog: 100, concurrency: 2, note: () => undefined },
    )
    expect(told.accepted.size).toBeGreaterThan(50)
    expect(told.refusals).toBeGreaterThan(0)
    expect(verdict.filter(({ holds, must }) => !holds && !must.startsWith('99 of 100'))).toEqual([])
  }, 120_000)
})
