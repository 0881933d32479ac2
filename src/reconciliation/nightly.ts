import type { Clock } from '../clock.ts'
import type { Db } from '../db/client.ts'
import { latestNight, type NightlySchedule, overdueSeconds } from '../domain/night.ts'
import type { Log } from '../log.ts'

/** How long the queue's own schedule has for starting the night, before it counts as missed; in minutes. */
const graceMinutes = 10

/** How often the alarm is repeated, in milliseconds. */
const alarmMs = 3_600_000

/**
 * Starts each night's reconciliation, once for each connection: by the queue's schedule, or later where that night
 * was missed, because nothing ran or the queue was lost.
 * @param options.schedule undefined: there is none
 * @param options.start starts a comparison, or gives the one that the night has already
 */
export function createNightly(options: {
  db: Db
  schedule: NightlySchedule | undefined
  start: (connection: string, cause: string) => Promise<string>
  clock: Clock
  log: Log
}) {
  const { db, schedule, start, clock, log } = options
  let alarmedAt = Number.NEGATIVE_INFINITY

  const startAll = (names: string[], date: string) =>
    Promise.all(names.map(name => start(name, `schedule:${date}`)))

  return {
    /** The night has come. */
    async run(): Promise<{ operations: string[] }> {
      if (schedule === undefined) return { operations: [] }
      const connections = await db.connection.findMany({ select: { name: true }, orderBy: { name: 'asc' } })
      const { date } = latestNight(schedule, clock.now())
      return {
        operations: await startAll(
          connections.map(({ name }) => name),
          date,
        ),
      }
    },

    /** Starts what the last night should have started, and did not. */
    async catchUp(): Promise<void> {
      if (schedule === undefined) return
      const { date, minutesAgo } = latestNight(schedule, clock.now())
      if (minutesAgo < graceMinutes) return
      const missed = await db.$queryRaw<{ name: string }[]>`
        select c.name from connection c
        where c.created_at < now() - ${minutesAgo}::int * interval '1 minute' and not exists (
          select from operation o where o.kind = 'reconcile' and o.connection_id = c.id and o.cause = ${`schedule:${date}`})
        order by c.name`
      if (missed.length === 0) return
      const names = missed.map(({ name }) => name)
      log.warn(
        { connections: names, night: date },
        'the nightly reconciliation was missed, and is started now',
      )
      await startAll(names, date)
    },

    /** Says so, every hour, where no comparison has come to its end for two nights. */
    async watch(): Promise<void> {
      if (schedule === undefined || clock.monotonic() - alarmedAt < alarmMs) return
      const overdue = await db.$queryRaw<{ name: string; seconds: number }[]>`
        select name, seconds from (
          select c.name, extract(epoch from now() - coalesce((
            select max(r.ended_at) from reconciliation r
            where r.connection_id = c.id and r.state in ('planned', 'applied')), c.created_at))::float8 as seconds
          from connection c) since
        where seconds > ${overdueSeconds}::int order by name`
      if (overdue.length === 0) return
      alarmedAt = clock.monotonic()
      for (const { name, seconds } of overdue) {
        const hours = Math.round(seconds / 3_600)
        log.error(
          { connection: name, hours },
          'no reconciliation of this connection has come to its end for two nights',
        )
      }
    },
  }
}
