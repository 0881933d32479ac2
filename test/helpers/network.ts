import { Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { takeSnapshot } from '../../src/db/snapshot.ts'
import { checkInvariants } from '../../src/domain/invariants.ts'
import { createLog } from '../../src/log.ts'
import { joinTestApp, startTestApp, type TestApp } from './app.ts'
import { events } from './events.ts'
import { furnishScripted, scriptedIpam } from './scripted-ipam.ts'
import { until } from './until.ts'

/** How long PostgreSQL and Redis may be silent in these tests, in milliseconds: as short as a busy machine allows. */
export const silenceMs = 2_500

/** How long after the end of a fault all must be done, in milliseconds. */
export const recoveryMs = 30_000

/** Another process of ipbridge, and what it has logged. */
export type Joined = Awaited<ReturnType<NetworkBed['join']>>

export type NetworkBed = Awaited<ReturnType<typeof startNetworkBed>>

/**
 * ipbridge that sees everything over lines without faults, and judges; others, whose lines have them, join it. The
 * addresses come from an IPAM in memory, of which a test says what happens before each call.
 */
export async function startNetworkBed() {
  const ipam = scriptedIpam('10.20.0.0/16')
  const app: TestApp = await startTestApp({ ipamDrivers: ipam.drivers, work: false })
  await furnishScripted(app)
  let services = 0

  return {
    app,
    ipam,

    /** Another process of ipbridge. @param env what it finds elsewhere, such as a proxy's URL for DATABASE_URL */
    async join(env: Record<string, string>, options: Parameters<typeof joinTestApp>[1] = {}) {
      const lines: string[] = []
      const sink = new Writable({
        write(chunk, _encoding, done) {
          lines.push(String(chunk))
          done()
        },
      })
      const joined = await joinTestApp(app, {
        ipamDrivers: ipam.drivers,
        silenceMs,
        leaseSeconds: 3,
        databaseConnections: 5,
        log: createLog('info', sink),
        env,
        ...options,
      })
      const warnings = () => lines.filter(line => JSON.parse(line).level >= 40)
      return Object.assign(joined, {
        /** What it has logged that somebody should look at. */
        warnings,
        /** How many lines the trouble has that was told of most often. */
        mostOfOneWarning(): number {
          const counts = new Map<string, number>()
          for (const line of warnings()) {
            const { msg, queue, part, err } = JSON.parse(line)
            const key = [msg, queue, part, err?.code ?? err?.type].join(' ')
            counts.set(key, (counts.get(key) ?? 0) + 1)
          }
          return Math.max(0, ...counts.values())
        },
      })
    },

    /** Takes in new services. @returns their operations */
    async order(count: number, through: Pick<TestApp, 'intake'> = app): Promise<string[]> {
      const batch = Array.from({ length: count }, () => events.created({ id: `net-${++services}` }))
      const receipts = await through.intake.accept(batch, 'http')
      return receipts.flatMap(receipt => receipt.operations)
    },

    /** Takes in new services. @returns their operations, once somebody is in the middle of them */
    async inTheMiddleOf(count: number): Promise<string[]> {
      let calls = 0
      ipam.play(async () => {
        calls += 1
        await sleep(5)
      })
      const operations = await this.order(count)
      await until('a worker is at it', () => calls > 5)
      return operations
    },

    /** Waits until the operations have ended, and all is as it must be. @returns after how many milliseconds */
    async converged(operations: string[], withinMs = recoveryMs): Promise<number> {
      const since = performance.now()
      await until(
        'all operations have ended',
        async () =>
          (await app.db.operation.count({ where: { id: { in: operations }, endedAt: null } })) === 0,
        withinMs,
      )
      const took = performance.now() - since
      const done = await app.db.operation.count({ where: { id: { in: operations }, state: 'done' } })
      expect(done).toBe(operations.length)
      expect(checkInvariants(await takeSnapshot(app.db, app.ipams.driver), { quiet: true })).toEqual([])
      return took
    },

    shutDown: () => app.shutDown(),
  }
}
