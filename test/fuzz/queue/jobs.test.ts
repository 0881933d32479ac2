import { afterAll, beforeAll, describe, it } from 'vitest'
import { queueMissing } from '../../helpers/app.ts'
import { fuzz } from '../door.ts'
import { openJobs } from '../doors/jobs.ts'

describe.skipIf(queueMissing)('A job in the queue', () => {
  let opened: Awaited<ReturnType<typeof openJobs>>
  beforeAll(async () => {
    opened = await openJobs()
  })
  afterAll(() => opened?.bed.shutDown())

  fuzz(
    () => opened.door,
    'that is none of ours, or nearly one, fails or is passed over, and the worker goes on',
  )

  it('that was bad has no effect, and the next event is done', () => opened.end())
})
