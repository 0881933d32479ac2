/** When the nightly reconciliation starts, by the clock of a time zone. */
export interface NightlySchedule {
  hour: number
  minute: number
  /** A name of the IANA time zone database, such as `Europe/Berlin`. */
  tz: string
}

/** After so many seconds without a finished comparison somebody must look: two nights. */
export const overdueSeconds = 2 * 86_400

/** A night: the date on which it began, by the clock of the schedule's time zone, and how long ago that was. */
export interface Night {
  date: string
  minutesAgo: number
}

/** The night whose reconciliation was due last. Where the clock is put forward or back, its age is out by that. */
export function latestNight({ hour, minute, tz }: NightlySchedule, now: Date): Night {
  const today = clockIn(tz, now)
  const minutesAgo = today.minutes - (hour * 60 + minute)
  if (minutesAgo >= 0) return { date: today.date, minutesAgo }
  const yesterday = new Date(`${today.date}T12:00:00Z`)
  yesterday.setUTCDate(yesterday.getUTCDate() - 1)
  return { date: yesterday.toISOString().slice(0, 10), minutesAgo: minutesAgo + 24 * 60 }
}

/** The date and the minutes since midnight that clocks in a time zone show. */
function clockIn(timeZone: string, at: Date): { date: string; minutes: number } {
  const format = new Intl.DateTimeFormat('en', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
  })
  const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, value]))
  const [year = '', month = '', day = ''] = [parts.get('year'), parts.get('month'), parts.get('day')]
  const minutes = Number(parts.get('hour')) * 60 + Number(parts.get('minute'))
  return { date: `${year}-${month}-${day}`, minutes }
}
