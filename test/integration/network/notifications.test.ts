import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { backend } from '../../helpers/app.ts'
import { type Joined, type NetworkBed, startNetworkBed } from '../../helpers/network.ts'
import { proxyTo } from '../../helpers/proxy.ts'

describe.skipIf(backend !== 'postgres')(
  'The connections on which workers listen for jobs in PostgreSQL',
  { timeout: 60_000 },
  () => {
    let bed: NetworkBed
    let proxy: Awaited<ReturnType<typeof proxyTo>>
    let worker: Joined

    beforeAll(async () => {
      bed = await startNetworkBed()
      proxy = await proxyTo(bed.app.database.url)
      worker = await bed.join({ DATABASE_URL: proxy.url })
    })
    afterAll(async () => {
      await proxy.mend()
      await worker.shutDown()
      await bed.shutDown()
      await proxy.close()
    })

    it('that have gone deaf keep no job waiting for more than ten seconds, although none is due for an hour', async () => {
      await bed.converged(await bed.order(1))
      proxy.swallow('answers', 'LISTEN')
      await worker.queues.queue('allocate').add('later', {}, { delay: 3_600_000 })
      // This one is heard of by the poll that ends the wait under way, which does not know of the other yet.
      await bed.converged(await bed.order(1), 12_000)
      const took = await bed.converged(await bed.order(1), 15_000)
      expect(took).toBeLessThan(12_000)
    })
  },
)
