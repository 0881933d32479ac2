import { describe, expect, it } from 'vitest'
import { backend, queueMissing } from '../../helpers/app.ts'
import { recoveryMs, startNetworkBed } from '../../helpers/network.ts'
import { proxyTo } from '../../helpers/proxy.ts'
import { until } from '../../helpers/until.ts'

const line = backend === 'redis' ? 'REDIS_URL' : 'DATABASE_URL'

describe.skipIf(queueMissing)(
  'A worker that begins while its queue cannot be reached',
  { timeout: 60_000 },
  () => {
    it('works once it can', async () => {
      const bed = await startNetworkBed()
      const proxy = await proxyTo(bed.app.env[line] ?? '')
      proxy.cut()
      const worker = await bed.join({ [line]: proxy.url })
      await until('it was noticed', () => worker.warnings().some(line => line.includes('"dispatcher"')))
      await proxy.mend()
      expect(await bed.converged(await bed.order(5))).toBeLessThan(recoveryMs)
      await worker.shutDown()
      await bed.shutDown()
      await proxy.close()
    })
  },
)
