import { reasonOf } from '../outside-trouble.ts'

/** One thing that was looked at. */
export interface Check {
  name: string
  status: 'ok' | 'warning' | 'bad'
  /** What was found. */
  found: string
  /** What to do about it, unless all is well. */
  todo?: string
}

export const ok = (name: string, found: string): Check => ({ name, status: 'ok', found })
export const warning = (name: string, found: string, todo: string): Check => ({
  name,
  status: 'warning',
  found,
  todo,
})
export const bad = (name: string, found: string, todo: string): Check => ({
  name,
  status: 'bad',
  found,
  todo,
})

/** Longer than this nothing that is well takes to answer, in milliseconds. */
const patienceMs = 5_000

/**
 * Looks at something that may be away or may hang.
 * @param todo what to do when it is
 */
export async function examine(name: string, todo: string, look: () => Promise<Check[]>): Promise<Check[]> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${patienceMs / 1_000} seconds`)), patienceMs)
  })
  try {
    return await Promise.race([look(), late])
  } catch (error) {
    return [bad(name, `it does not answer: ${reasonOf(error)}`, todo)]
  } finally {
    clearTimeout(timer)
  }
}

/** A time span for people: `40 seconds`, `5 minutes`, `3 hours`, `2 days`. */
export function span(seconds: number): string {
  const units = [
    [86_400, 'days'],
    [3_600, 'hours'],
    [60, 'minutes'],
  ] as const
  const [size, unit] = units.find(([size]) => seconds >= 2 * size) ?? [1, 'seconds']
  return `${Math.round(seconds / size)} ${unit}`
}
