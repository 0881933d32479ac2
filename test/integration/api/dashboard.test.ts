import type { Queue } from 'bullmq'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AuditView } from '../../../src/desk/journals.ts'
import { allQueues, eventQueue } from '../../../src/queue/names.ts'
import { admin, furnish, startTestApi, type TestApi } from '../../helpers/api.ts'
import { queueMissing } from '../../helpers/app.ts'
import { events } from '../../helpers/events.ts'
import { until } from '../../helpers/until.ts'

const page = { accept: 'text/html,application/xhtml+xml' }

describe.skipIf(queueMissing)('the queue dashboard', () => {
  let bed: TestApi

  beforeAll(async () => {
    bed = await startTestApi()
    await furnish(bed.app)
  })
  afterAll(() => bed.shutDown())

  type Who = Parameters<TestApi['ask']>[0]
  const get = (who: Who, path: string) => bed.ask(who, 'GET', `/queues/api/${path}`)
  const put = (who: Who, path: string) => bed.ask(who, 'PUT', `/queues/api/${path}`)
  const queue = (name: string): Queue => bed.app.queues.queue(name)
  const audit = async (subject: string): Promise<AuditView[]> =>
    (await bed.ask('admin', 'GET', `/api/v1/audit?subject=${subject}`)).json().items
  const stateOf = async (operation: string) => (await bed.app.desk.operations.show(operation)).state

  /** An operation that fails for good: the address that it wants is in no pool. @returns its failed job, too */
  async function fail(service: string, requested: string) {
    const event = events.created({ id: service }, { addresses: [{ family: 'ipv4', requested }] })
    const [receipt] = await bed.app.intake.accept([event], 'http')
    const operation = receipt?.operations[0] ?? ''
    await bed.app.desk.operations.settled([operation], 10_000)
    expect(await stateOf(operation)).toBe('failed')
    const job = await until('its job has failed', () => failedJobOf(operation))
    return { operation, job: job.id ?? '' }
  }
  const failedJobOf = async (operation: string) =>
    (await queue('allocate').getJobs(['failed'])).find(job => job.data.operation === operation)

  describe('for visitors', () => {
    it('begins with signing in, and then goes on where one wanted to', async () => {
      const answer = await bed.ask(undefined, 'GET', '/queues/queue/allocate?status=failed', {
        headers: page,
      })
      expect([answer.statusCode, answer.headers.location]).toEqual([
        302,
        '/login?next=%2Fqueues%2Fqueue%2Fallocate%3Fstatus%3Dfailed',
      ])
    })

    it('is not for scripts without a token, nor for billing and clients', async () => {
      expect((await get(undefined, 'queues')).statusCode).toBe(401)
      for (const role of ['billing', 'client'] as const) {
        expect((await bed.ask(role, 'GET', '/queues', { headers: page })).statusCode).toBe(403)
        expect((await get(role, 'queues')).statusCode).toBe(403)
      }
    })

    it('works with a session as with a token', async () => {
      const signedIn = await bed.ask(undefined, 'POST', '/api/v1/session', {
        body: { token: bed.tokens.operator },
      })
      const cookie = String(signedIn.headers['set-cookie']).split(';')[0] ?? ''
      expect((await bed.ask(undefined, 'GET', '/queues', { headers: { ...page, cookie } })).statusCode).toBe(
        200,
      )
      const own = { host: 'localhost:80', origin: 'http://localhost:80' }
      const pause = (headers: Record<string, string>) =>
        bed.ask(undefined, 'PUT', '/queues/api/queues/ptr/resume', { headers: { cookie, ...headers } })
      expect((await pause({ host: own.host, origin: 'http://evil.example' })).statusCode).toBe(403)
      expect((await pause(own)).statusCode).toBe(200)
    })

    it('is served with all that its page asks for', async () => {
      const answer = await bed.ask('viewer', 'GET', '/queues', { headers: page })
      expect(answer.statusCode).toBe(200)
      const base = /<base href="([^"]+)"/.exec(answer.body)?.[1] ?? ''
      const assets = [...answer.body.matchAll(/(?:src|href)="(static\/[^"]+)"/g)].map(
        match => base + match[1],
      )
      expect(assets.length).toBeGreaterThan(5)
      for (const asset of assets) {
        expect([asset, (await bed.ask('viewer', 'GET', asset)).statusCode]).toEqual([asset, 200])
      }
      const inline = [...answer.body.matchAll(/<script([^>]*)>/g)].filter(
        ([, attributes]) => !attributes?.includes('src='),
      )
      // Data only, which no policy needs to allow.
      expect(inline.every(([, attributes]) => attributes?.includes('application/json'))).toBe(true)
      expect(answer.headers['content-security-policy']).toMatch(/script-src 'self'(;|$)/)
      expect(answer.body).not.toMatch(/(src|href)="https?:/)
      for (const path of ['/queues/', '/queues/queue/allocate', '/queues/queue/allocate/some-job']) {
        expect([path, (await bed.ask('viewer', 'GET', path, { headers: page })).statusCode]).toEqual([
          path,
          200,
        ])
      }
    })
  })

  describe('for viewers', () => {
    it('shows all queues, and no buttons', async () => {
      const { queues } = (await get('viewer', 'queues?activeQueue=allocate')).json()
      expect(queues.map((queue: { name: string }) => queue.name)).toEqual(allQueues)
      expect(queues.every((queue: object) => 'readOnlyMode' in queue && queue.readOnlyMode === true)).toBe(
        true,
      )
      expect(queues.every((queue: object) => 'allowRetries' in queue && queue.allowRetries === false)).toBe(
        true,
      )
    })

    it('changes nothing, whatever is sent', async () => {
      const { job, operation } = await fail('viewed', '198.18.0.1')
      for (const { method, url } of bed.api.knownRoutes) {
        if (!url.startsWith('/queues/') || method === 'GET' || method === 'HEAD') continue
        const path = url
          .replace(':queueName', 'allocate')
          .replace(':jobId', job)
          .replace(':queueStatus', 'failed')
        const answer = await bed.ask('viewer', method as 'PUT', path.replace(/:\w+/, 'x'), { body: {} })
        expect([method, url, answer.statusCode, answer.json().code]).toEqual([method, url, 403, 'forbidden'])
      }
      expect(await stateOf(operation)).toBe('failed')
      expect(await queue('allocate').getJob(job)).toBeDefined()
      expect(await queue('allocate').isPaused()).toBe(false)
    })

    it('shows of a job only which operation it is about', async () => {
      const { job, operation } = await fail('looked-at', '198.18.0.2')
      const shown = (await get('viewer', `queues/allocate/${job}`)).json()
      expect(shown).toMatchObject({
        status: 'failed',
        job: { data: { v: 1, operation }, failedReason: /^address_outside_pools/ },
      })
      expect(Object.keys(shown.job.data)).toEqual(['v', 'operation'])
    })
  })

  describe('for operators', () => {
    it('shows the buttons', async () => {
      for (const role of ['operator', 'admin'] as const) {
        const { queues } = (await get(role, 'queues')).json()
        const shown = { readOnlyMode: false, allowRetries: true, allowCompletedRetries: false }
        expect(queues).toMatchObject(allQueues.map(name => ({ name, ...shown })))
      }
    })

    it('runs the operation of a failed job again from where it stopped', async () => {
      const { operation, job } = await fail('retried', '198.51.100.9')
      await bed.app.desk.pools.add(admin, { name: 'late', cidr: '198.51.100.0/24', connection: 'builtin' })
      expect((await put('operator', `queues/allocate/${job}/retry`)).statusCode).toBe(204)
      await until('the operation is done', async () => (await stateOf(operation)) === 'done')
      expect((await bed.app.desk.services.show(admin, 'retried')).addresses).toMatchObject([
        { address: '198.51.100.9' },
      ])
      await until('nothing of it is left in the queue', async () => {
        const jobs = await queue('allocate').getJobs()
        return jobs.every(left => left.data.operation !== operation)
      })
      expect(await audit(`operation:${operation}`)).toMatchObject([
        {
          action: 'operation.retry',
          actor: 'operator of the tests',
          role: 'operator',
          change: { from: 'failed' },
        },
      ])
      expect((await audit('queue:allocate'))[0]).toMatchObject({
        action: 'queue.retry',
        actor: 'operator of the tests',
        change: { job, operation },
      })
    })

    it('shows an operation that failed again as one failed job, not two', async () => {
      const { operation, job } = await fail('hopeless', '198.18.0.3')
      expect((await put('operator', `queues/allocate/${job}/retry`)).statusCode).toBe(204)
      const again = await until('it failed again', async () => {
        const failed = await failedJobOf(operation)
        return failed?.id === job ? undefined : failed
      })
      const failed = await queue('allocate').getJobs(['failed'])
      expect(failed.filter(left => left.data.operation === operation).map(left => left.id)).toEqual([
        again.id,
      ])
    })

    it('refuses to retry a job whose operation runs or has ended otherwise, and says why', async () => {
      const { operation, job } = await fail('cancelled', '198.18.0.4')
      const set = (data: object) => bed.app.db.operation.update({ where: { id: operation }, data })
      const [ended, leaseUntil] = [new Date(), new Date(Date.now() + 3_600_000)]
      const others = [
        { state: 'running', endedAt: null, leaseUntil },
        { state: 'done', endedAt: ended, leaseUntil: null },
        { state: 'superseded' },
        { state: 'cancelled' },
      ]
      for (const other of others) {
        // As if the queue had been away when that happened.
        await set(other)
        const answer = await put('operator', `queues/allocate/${job}/retry`)
        const why = `operation ${operation} is ${other.state}; only what failed or waits can be retried`
        expect([answer.statusCode, answer.json()]).toMatchObject([409, { code: 'wrong_state', message: why }])
        expect(await stateOf(operation)).toBe(other.state)
      }
      expect((await audit('queue:allocate')).filter(entry => JSON.stringify(entry).includes(job))).toEqual([])
    })

    it('retries all that failed, and counts what could not be', async () => {
      const { jobs } = await queue('allocate')
        .getJobs(['failed'])
        .then(jobs => ({ jobs: jobs.map(job => job.id) }))
      const wanted = await Promise.all([fail('all-1', '203.0.113.1'), fail('all-2', '203.0.113.2')])
      await bed.app.desk.pools.add(admin, { name: 'all', cidr: '203.0.113.0/24', connection: 'builtin' })
      const answer = await put('operator', 'queues/allocate/retry/failed')
      expect(answer.statusCode).toBe(200)
      const { retried, skipped } = answer.json()
      // The one that was cancelled stays as it is.
      expect([retried + skipped, skipped]).toEqual([jobs.length + wanted.length, 1])
      for (const { operation } of wanted) {
        await until('it is done', async () => (await stateOf(operation)) === 'done')
        expect(await failedJobOf(operation)).toBeUndefined()
      }
    })

    it('runs a failed event again as it is', async () => {
      const source = '/billing/queue'
      const event = events.created({ id: 'by-queue', server: 'node9' }, { source })
      const job = await queue(eventQueue).add(event.type, event)
      await until('it was refused', async () => (await job.getState()) === 'failed')
      await bed.app.desk.servers.add(admin, { name: 'node9', panel: 'none', connection: 'builtin' })
      expect((await put('operator', `queues/${eventQueue}/${job.id}/retry`)).statusCode).toBe(204)
      await until('it was taken in', async () => (await job.getState()) === 'completed')
      expect((await bed.app.desk.journals.events({ source })).items).toMatchObject([
        { id: event.id, via: 'queue' },
      ])
      expect((await audit(`queue:${eventQueue}`))[0]).toMatchObject({
        action: 'queue.retry',
        change: { job: job.id },
      })
      const shown = (await get('viewer', `queues/${eventQueue}/${job.id}`)).json()
      expect(shown.job.data).toEqual(event)

      const again = await put('operator', `queues/${eventQueue}/${job.id}/retry`)
      expect([again.statusCode, again.json().code]).toEqual([409, 'wrong_state'])
      expect((await put('operator', `queues/${eventQueue}/retry/completed`)).statusCode).toBe(409)
    })

    it('pauses and resumes one queue, and all of them', async () => {
      expect((await put('operator', 'queues/release/pause')).statusCode).toBe(200)
      expect([await queue('release').isPaused(), await queue('allocate').isPaused()]).toEqual([true, false])
      expect((await put('operator', 'queues/release/resume')).statusCode).toBe(200)
      expect(await queue('release').isPaused()).toBe(false)
      expect((await audit('queue:release')).map(entry => entry.action)).toEqual([
        'queue.resume',
        'queue.pause',
      ])

      expect((await put('admin', 'queues/pause')).statusCode).toBe(200)
      expect(await Promise.all(allQueues.map(name => queue(name).isPaused()))).toEqual(
        allQueues.map(() => true),
      )
      expect((await put('admin', 'queues/resume')).statusCode).toBe(200)
      expect(await Promise.all(allQueues.map(name => queue(name).isPaused()))).toEqual(
        allQueues.map(() => false),
      )
      expect((await audit(`queue:${eventQueue}`)).map(entry => entry.action)).toEqual(
        expect.arrayContaining(['queue.resume', 'queue.pause']),
      )
    })

    it('promotes delayed jobs', async () => {
      const delay = 3_600_000
      const jobs = await Promise.all(
        [1, 2, 3].map(() => queue(eventQueue).add('nonsense', { type: 'other' }, { delay })),
      )
      const [first, ...rest] = jobs
      expect((await put('operator', `queues/${eventQueue}/${first?.id}/promote`)).statusCode).toBe(204)
      await until('it ran', async () => (await first?.getState()) === 'failed')
      expect((await put('operator', `queues/${eventQueue}/${first?.id}/promote`)).statusCode).toBe(409)
      expect((await put('operator', `queues/${eventQueue}/promote`)).statusCode).toBe(200)
      await until('all ran', async () => {
        const states = await Promise.all(rest.map(job => job.getState()))
        return states.every(state => state === 'failed')
      })
      expect(
        (await audit(`queue:${eventQueue}`)).filter(entry => entry.action === 'queue.promote').length,
      ).toBe(2)
    })

    it('refuses everything else', async () => {
      const { job } = await fail('kept', '198.18.0.5')
      const allowed = /\/(retry|promote|pause|resume)(\/:queueStatus)?$/
      const refused = bed.api.knownRoutes.filter(
        ({ method, url }) =>
          url.startsWith('/queues/') && method !== 'GET' && method !== 'HEAD' && !allowed.test(url),
      )
      expect(refused.length).toBeGreaterThan(10)
      for (const { method, url } of refused) {
        const path = url.replace(':queueName', 'allocate').replace(':jobId', job).replace(/:\w+/, 'failed')
        const answer = await bed.ask('admin', method as 'PUT', path, {
          body: { force: true, data: {}, name: 'x', options: {} },
        })
        expect([url, answer.statusCode, answer.json().message]).toEqual([
          url,
          403,
          expect.stringMatching(
            /^the dashboard can retry failed jobs, promote delayed ones, pause and resume/,
          ),
        ])
      }
      expect(await queue('allocate').getJob(job)).toBeDefined()
    })

    it('knows no other queues and jobs', async () => {
      expect((await put('operator', 'queues/other/pause')).statusCode).toBe(404)
      expect((await put('operator', 'queues/allocate/none/retry')).statusCode).toBe(404)
      expect((await put('operator', 'queues/allocate/none/promote')).statusCode).toBe(404)
    })
  })
})
