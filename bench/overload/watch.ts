import { readFile } from 'node:fs/promises'
import type { Db } from '../../src/db/client.ts'

/** How things stand at one moment. */
export interface Sample {
  seconds: number
  /** Memory that processes hold, in MiB, by name. */
  rssMb: Record<string, number>
  /** Operations that have not ended. */
  open: number
}

const everyMs = 5_000

/** Looks every few seconds how much memory processes hold, and how much work waits. */
export function watch(db: Db, processes: Record<string, number | undefined>) {
  const samples: Sample[] = []
  const begun = performance.now()
  let looking: Promise<void> = Promise.resolve()

  async function look(): Promise<void> {
    const rssMb: Record<string, number> = {}
    for (const [name, pid] of Object.entries(processes)) rssMb[name] = await rssOf(pid)
    const open = await openOperations(db)
    samples.push({ seconds: Math.round((performance.now() - begun) / 1000), rssMb, open })
  }

  function lookAgain(): void {
    looking = looking.then(look).catch(() => undefined)
  }
  const timer = setInterval(lookAgain, everyMs)

  return {
    samples,
    async stop(): Promise<void> {
      clearInterval(timer)
      lookAgain()
      await looking
    },
  }
}

/** How many operations have not ended. */
export async function openOperations(db: Db): Promise<number> {
  const [row] = await db.$queryRaw<{ open: number }[]>`
    select count(*)::int as open from operation where ended_at is null`
  return row?.open ?? 0
}

/** In MiB; 0 where the system does not tell. */
async function rssOf(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Math.round(Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024)
}
