import { execFile } from 'node:child_process'
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { migrate } from '../../../src/db/migrate.ts'
import type { PlanWithFindings } from '../../../src/desk/reconciliations.ts'
import type { EventInput } from '../../../src/domain/events.ts'
import { checkInvariants } from '../../../src/domain/invariants.ts'
import { migrateQueueTables } from '../../../src/queue/backend.ts'
import { backend, queueMissing, testSecret } from '../../helpers/app.ts'
import { command } from '../../helpers/cli.ts'
import { type DumpingPostgres, startDumpingPostgres } from '../../helpers/dumping-postgres.ts'
import { events } from '../../helpers/events.ts'
import { databaseUrl } from '../../helpers/global-setup.ts'
import { type Guide, readGuide } from '../../helpers/guide.ts'
import { until } from '../../helpers/until.ts'
import {
  asCsv,
  furnish,
  type Living,
  liveOn,
  liveUntilDump,
  living,
  mainAddress,
  missed,
  newName,
  openApp,
  snapshot,
  startOutside,
  tell,
} from './lost-hour.ts'

const run = promisify(execFile)
// On Redis, where the queue is newer than the restored ledger; a queue in PostgreSQL is restored with it.
const server = backend === 'postgres' || queueMissing ? undefined : await startDumpingPostgres()

const nothing: Pick<DumpingPostgres, 'bin' | 'url'> = { bin: '', url: '' }

// Each step runs commands of their own, on a machine that may have much to do.
const patient = { timeout: 120_000 }

describe.skipIf(server === undefined)(
  'A ledger that is restored to before the last hour, as the guide says',
  patient,
  () => {
    // Also where it is skipped, what is in here is read.
    const { bin, url } = server ?? nothing
    let outside: Awaited<ReturnType<typeof startOutside>>
    let guide: Guide
    let folder: string
    let env: Record<string, string>
    /** What customers have when the database is lost. */
    let before: Living[]
    let said: EventInput[]
    /** How much the IPAM had done by then. */
    let lostAt: number
    const opened = new Set<Awaited<ReturnType<typeof openApp>>>()

    beforeAll(async () => {
      guide = await readGuide('backup-and-restore.md')
      folder = await mkdtemp(join(tmpdir(), 'ipbridge-restore-'))
      outside = await startOutside()
      env = {
        DATABASE_URL: databaseUrl(url, newName()),
        MAINTENANCE_URL: url,
        RESTORED_URL: databaseUrl(url, 'ipbridge_restored'),
        IPBRIDGE_SECRET: testSecret,
        LOG_LEVEL: 'silent',
        REDIS_URL: `${inject('redisUrl')}?prefix=${newName()}`,
      }
      await query(url, `create database ${new URL(env['DATABASE_URL'] ?? '').pathname.slice(1)}`)
      await migrate(env['DATABASE_URL'] ?? '')
      await migrateQueueTables(env['DATABASE_URL'] ?? '')
      const first = await open({})
      await furnish(first, outside)
      await liveUntilDump(first)
      await first.shutDown()
    })
    afterAll(async () => {
      await Promise.all([...opened].map(app => app.shutDown()))
      await outside.stop()
      await server?.stop()
      await rm(folder, { recursive: true, force: true })
    })

    /** An ipbridge that is closed in any case. */
    async function open(work: Parameters<typeof openApp>[1]) {
      const app = await openApp(env, work)
      opened.add(app)
      return {
        ...app,
        async shutDown() {
          opened.delete(app)
          await app.shutDown()
        },
      }
    }

    /** Runs the guide's next command, as a shell would. */
    async function follow(beginning: string, variables: Record<string, string> = {}) {
      const line = guide.next(beginning)
      const shell = { ...env, ...variables, PATH: `${bin}:${process.env['PATH']}` }
      if (!line.startsWith('ipbridge ')) {
        await run('bash', ['-euc', line], { cwd: folder, env: shell })
        return { code: 0, out: '', err: '' }
      }
      const { stdout } = await run('bash', ['-euc', `ipbridge() { printf '%s\\n' "$@"; }; ${line}`], {
        env: shell,
      })
      const args = await Promise.all(
        stdout
          .trimEnd()
          .split('\n')
          .map(arg => isFile(join(folder, arg)).then(is => (is ? join(folder, arg) : arg))),
      )
      return command(args, env)
    }

    /** Compares, as the guide's next command does. @returns the findings, without places */
    async function reconcile() {
      const { code, out, err } = await follow('ipbridge reconcile --connection ipm')
      const again = await command(['reconcile', '--connection', 'ipm', '--json'], env)
      const plan = JSON.parse(again.out) as PlanWithFindings
      expect([code, err]).toEqual([plan.findings.length === 0 ? 0 : 3, ''])
      const findings = plan.findings.map(
        ({ class: kind, service, action }) => `${kind} ${service ?? '-'} → ${action}`,
      )
      return { out, hash: plan.hash ?? '', findings: findings.sort() }
    }

    it('is dumped while one service waits for its address', async () => {
      const idle = await open(false)
      const waiting = events.created({ id: 'waits', server: 'node1' })
      await idle.intake.accept([waiting], 'api')
      await follow('pg_dump')
      await idle.shutDown()
    })

    it('loses an hour in which customers come, go, move and change', async () => {
      const app = await open({})
      said = await liveOn(app, outside)
      await until('who waited is served', () => mainAddress(app, 'waits'))
      await tell(app, ...said.slice(0, 1))
      before = await living(app)
      lostAt = outside.ipam.books.history().length
      expect(missed(outside, before)).toEqual([])
      expect(before.map(({ service, slot }) => `${service} ${slot}`)).toEqual([
        'begins-1 main',
        'begins-2 main',
        'cancels main',
        'inherits main',
        'keeps main',
        'moves main',
        'orders main',
        'orders order:x1/1',
        'renames main',
        'waits main',
      ])
      await app.shutDown()
    })

    it('comes back in a database of its own, and the secret opens its passwords', async () => {
      await follow('psql')
      await follow('pg_restore')
      guide.next('export DATABASE_URL="$RESTORED_URL"')
      env = { ...env, DATABASE_URL: env['RESTORED_URL'] ?? '' }
      expect(await follow('ipbridge migrate')).toMatchObject({ code: 0 })
      const { code, out } = await follow('ipbridge doctor')
      expect([code, out]).toEqual([0, expect.stringMatching(/ok +secrets +IPBRIDGE_SECRET opens all 4/)])
      const other = { ...env, IPBRIDGE_SECRET: Buffer.alloc(32, 9).toString('base64') }
      expect(await command(['doctor'], other)).toMatchObject({
        code: 1,
        out: expect.stringMatching(/bad +secrets +IPBRIDGE_SECRET does not open: connection ipm, password/),
      })
    })

    it('shows what is newer outside, and would take nothing from anybody', async () => {
      expect(await follow('ipbridge connection change ipm')).toMatchObject({ code: 0 })
      const { findings } = await reconcile()
      expect(findings).toEqual([
        'foreign cancels → report',
        'foreign ends → report',
        'lost - → report',
        'lost - → report',
        'ptr renames → import',
        'stray - → report',
        'stray - → report',
        'stray - → report',
        'stray orders → report',
        'unconfigured cancels → report',
        'unconfigured ends → report',
        'unconfigured moves → report',
      ])
      const { code, out } = await command(['doctor'], env)
      expect([code, out]).toEqual([
        0,
        expect.stringContaining('2 addresses there were given out by ipbridge'),
      ])
      expect(missed(outside, before)).toEqual([])
    })

    it('hears first what has ended, and leaves alone what somebody else has since', async () => {
      const ended = said.filter(({ type }) => type === 'service.deleted' || type === 'ip.cancelled')
      await writeFile(join(folder, 'ended.ndjson'), asLines(ended))
      guide.next('ipbridge worker --only release &')
      const worker = await open({ only: ['release'] })
      expect(await follow('ipbridge event')).toMatchObject({ code: 0, err: '' })
      guide.next('kill %1')
      await worker.shutDown()
      expect(missed(outside, before)).toEqual([])
    })

    it('takes over what has begun, and makes the records those of their services', async () => {
      await writeFile(join(folder, 'services.csv'), asCsv(before))
      const { code, out, err } = await follow('ipbridge import')
      expect(code).toBe(3)
      expect(out + err).toMatch(/moves: its server is node1 here, not node2/)
      expect(out + err).toMatch(/waits: main of the service is about to get an address/)
      expect(await follow('ipbridge connection change ipm')).toMatchObject({ code: 0 })
      const { hash, findings } = await reconcile()
      expect(findings).toEqual([
        'foreign begins-1 → adopt',
        'foreign begins-2 → adopt',
        'foreign inherits → adopt',
        'foreign orders → adopt',
        'ptr renames → import',
        'stray - → report',
        'unconfigured moves → report',
      ])
      expect(await follow('ipbridge reconcile --connection ipm --apply', { HASH: hash })).toMatchObject({
        code: 0,
      })
      expect(missed(outside, before)).toEqual([])
    })

    it('works again, hears all of the hour once more, and agrees with the outside', async () => {
      const app = await open({})
      await writeFile(join(folder, 'events.ndjson'), asLines(said))
      expect(await follow('ipbridge event')).toMatchObject({ code: 0, err: '' })
      await until('nothing is under way', async () => {
        const { operations } = await app.desk.health.measures()
        return operations.every(({ state }) => ['done', 'superseded'].includes(state))
      })
      expect(missed(outside, before)).toEqual([])
      expect(await living(app)).toEqual(before)
      expect((await reconcile()).findings).toEqual([])
      expect(checkInvariants(await snapshot(app), { quiet: true })).toEqual([])
      const given = outside.ipam.books.history(lostAt).filter(({ what }) => what !== 'changed')
      expect(given, 'what was granted and released since the database was lost').toEqual([])
      await app.shutDown()
    })

    it('was brought back by all commands of the guide', () => {
      expect(guide.left()).toEqual([])
    })
  },
)

const asLines = (some: readonly object[]) => `${some.map(event => JSON.stringify(event)).join('\n')}\n`

const isFile = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  )

async function query(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(sql)
  await client.end()
}
