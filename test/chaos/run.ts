import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { createApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config.ts'
import { takeSnapshot } from '../../src/db/snapshot.ts'
import type { Violation } from '../../src/domain/invariants.ts'
import { findMarker } from '../../src/domain/marker.ts'
import type { IpamRecord } from '../../src/ipam/driver.ts'
import { createLog } from '../../src/log.ts'
import type { HistoryEntry } from '../../src/simulators/ipmanager/history.ts'
import type { ShownRecord } from '../../src/simulators/ipmanager/record.ts'
import { createRandom } from '../simulation/random.ts'
import { type Billing, createBilling } from './billing.ts'
import { createDeeds } from './deeds.ts'
import { type Figures, measure } from './figures.ts'
import type { Journal } from './journal.ts'
import { type Evidence, judge } from './judge.ts'
import { createSayings } from './sayings.ts'
import { writeSchedule } from './schedule.ts'
import type { Site } from './site.ts'
import { cooldownSeconds, servers } from './stage.ts'

export interface Course {
  seed: number
  minutes: number
  /** Events a second. */
  rate: number
  /** A regular expression: only troubles whose name it matches. */
  only: string
}

export interface Result {
  violations: Violation[]
  figures: Figures
  account: Billing['account']
  resent: Billing['resent']
  /** From the last trouble until everything had ended; undefined: it had not when nobody waited any longer. */
  restMs: number | undefined
  /** How late this process itself was at most, which answers for what it measured. */
  ownDelayMs: number
}

/** All operations must have ended so soon after the last trouble. */
export const mostRestMs = 120_000

/** So long it is waited for that: what is at rest too late can still be judged. */
const patienceMs = 600_000

/** Lets billing speak and things go wrong, waits until all is at rest, and judges what is there then. */
export async function runCourse(
  site: Site,
  journal: Journal,
  { seed, minutes, rate, only }: Course,
): Promise<Result> {
  const services = Math.max(60, rate * 12)
  const billing = createBilling({
    urls: site.apiUrls,
    token: site.token,
    random: createRandom(seed + 1),
    next: createSayings(createRandom(seed + 2), { services, servers }),
    perSecond: rate,
  })
  const ownDelay = monitorEventLoopDelay()
  ownDelay.enable()
  const happen = createDeeds(site, journal)
  const [begun, begunAt] = [performance.now(), Date.now()]
  const schedule = writeSchedule(createRandom(seed), minutes * 60_000).filter(({ kind }) =>
    new RegExp(only).test(kind),
  )
  const deeds = schedule.map(async trouble => {
    await sleep(begun + trouble.at - performance.now())
    await happen(trouble)
  })
  await Promise.all([...deeds, sleep(minutes * 60_000)])
  await billing.finish()
  const lastAt = Math.max(begunAt, ...journal.deeds.map(({ to }) => to))
  journal.say(
    `the last trouble is over; ${billing.account.length} events were sent, ${billing.underWay} are under way`,
  )
  const restMs = await untilAtRest(site, billing, lastAt)
  journal.say(
    restMs === undefined
      ? 'NOT everything came to rest'
      : `all is at rest, ${(restMs / 1_000).toFixed(1)} s after the last trouble`,
  )
  const ownDelayMs = ownDelay.max / 1e6
  const evidence = await gather(site, billing)
  const violations = judge(evidence)
  if (violations.length > 0 || !isSoon(restMs)) await keepLedger(site)
  const figures = await measure(site.postgres, journal.deeds)
  return { violations, figures, account: billing.account, resent: billing.resent, restMs, ownDelayMs }
}

/** Whether all was at rest as soon as it must be. */
export function isSoon(restMs: number | undefined): restMs is number {
  return restMs !== undefined && restMs <= mostRestMs
}

/** @returns how long it took, or undefined where it took too long */
async function untilAtRest(site: Site, billing: Billing, from: number): Promise<number | undefined> {
  while (Date.now() < from + patienceMs) {
    const [row] =
      billing.underWay > 0
        ? []
        : await site.postgres.ask<{ open: number; last: number }>(`
        select count(*) filter (where ended_at is null)::int as open,
          coalesce(extract(epoch from max(ended_at)), 0)::float8 * 1000 as last from operation`)
    if (row?.open === 0) return Math.max(0, row.last - from)
    await sleep(500)
  }
  return undefined
}

/** Writes down what the ledger holds, for whoever looks for the reason: the disk that it lies on goes away. */
async function keepLedger(site: Site): Promise<void> {
  for (const table of ['service', 'assignment', 'operation', 'operation_step', 'event', 'conflict']) {
    const rows = await site.postgres.ask<{ row: object }>(`select to_jsonb(t) as row from ${table} t`)
    const lines = rows.map(({ row }) => `${JSON.stringify(row)}\n`)
    await writeFile(join(site.options.folder, `${table}.ndjson`), lines.join(''))
  }
}

/** What everybody has written down. */
async function gather(site: Site, { account }: Billing): Promise<Evidence> {
  const held: ShownRecord[] = await site.panelControl('books/held', {})
  const history: HistoryEntry[] = []
  for (let page: HistoryEntry[] | undefined; page === undefined || page.length > 0; history.push(...page)) {
    page = (await site.panelControl('books/history', history.length, 20_000)) as HistoryEntry[]
  }
  const app = await createApp(loadConfig(site.env), createLog('error'))
  try {
    const panel = await app.db.connection.findUniqueOrThrow({ where: { name: 'ipm' } })
    // The panel is asked for its own books, past its interface and our driver.
    const ofPanel = { list: () => recordsOf(held) }
    const snapshot = await takeSnapshot(app.db, async id =>
      id === panel.id ? ofPanel : app.ipams.driver(id),
    )
    const told = await site.postgres.ask<Evidence['told'][number]>(`
      select operation_id as operation, type, count(*)::int as times from outbox
      where operation_id is not null group by 1, 2 having count(*) > 1`)
    return { snapshot, account, panel: { history, held, cooldownSeconds }, told }
  } finally {
    await app.close()
  }
}

async function* recordsOf(held: readonly ShownRecord[]): AsyncGenerator<IpamRecord> {
  for (const { ip, note, domain } of held) {
    const marker = findMarker(note)
    const ptr = domain.replace(/\.$/, '')
    yield { address: ip, ...(marker ? { marker } : {}), ...(ptr ? { ptr } : {}) }
  }
}
