import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Where Debian and others put libfaketime. */
const places = [
  '/usr/lib/*/faketime/libfaketimeMT.so.1',
  '/usr/lib*/faketime/libfaketimeMT.so.1',
  '/usr/local/lib/faketime/libfaketimeMT.so.1',
]

/** How far a clock may be off: hours and days, to both sides, and right again. */
export const steps = ['+3h', '-2d', '+90', '-75', '+400d', '-1h', '+0'] as const

export type Clock = Awaited<ReturnType<typeof createClock>>

/**
 * A wall clock that steps while a process runs; the monotonic one goes on as it must.
 * @param file where the process reads how far its clock is off
 */
export async function createClock(library: string, file: string) {
  const step = (by: string) => writeFile(file, `${by}\n`)
  await step('+0')
  return {
    /** What lets a process have this clock. */
    env: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
    step,
  }
}

/** libfaketime, if it is here and does to this Node what it promises. */
export async function findFaketime(file: string): Promise<string | undefined> {
  const { stdout } = await run('sh', ['-c', `ls ${places.join(' ')} 2>/dev/null || true`])
  const library = stdout.split('\n')[0]
  if (!library) return undefined
  const clock = await createClock(library, file)
  await clock.step('-2d')
  const shown = await run(process.execPath, ['-p', 'Date.now()'], { env: { ...process.env, ...clock.env } })
  const off = Date.now() - Number(shown.stdout)
  return Math.abs(off - 2 * 86_400_000) < 60_000 ? library : undefined
}
