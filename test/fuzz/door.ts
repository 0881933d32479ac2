import fc from 'fast-check'
import { expect, it } from 'vitest'
import { errorKinds, IpbridgeError } from '../../src/errors.ts'

/** One way in which something reaches ipbridge. */
export interface Door<Input> {
  /** What comes through it, as the rest of a sentence. */
  name: string
  inputs: fc.Arbitrary<Input>
  /** Lets one input in. @throws what is wrong with what came of it */
  enter(input: Input): Promise<unknown> | unknown
  /** Of a hundred inputs to all doors, how many come here. */
  share: number
}

/** What every secret of the tests holds: it is looked for in whatever comes out. */
export const canary = 'canary-7h3q'

/** How many inputs come to all doors together, and the number that all chance is made of. */
export const inputs = Number(process.env['FUZZ_INPUTS'] ?? 10_000)
export const seed = Number(process.env['FUZZ_SEED'] ?? 1)

/** Longer than this no input may take, in milliseconds, on a machine with much else to do. */
const longestMs = 20_000

/** By how much the process may grow, whatever comes. */
const mostGrowth = 1_024 * 1_048_576

/** Declares the test of a door. A failure tells the seed and the smallest input that it found. */
export function fuzz<Input>(
  open: () => Door<Input> | Promise<Door<Input>>,
  title: string,
  timeoutMs = 60_000,
): void {
  it(
    title,
    async () => {
      const door = await open()
      const numRuns = Math.max(20, Math.round((inputs * door.share) / 100))
      const before = process.memoryUsage().rss
      const begun = performance.now()
      let entered = 0
      const property = fc.asyncProperty(door.inputs, async input => {
        entered += 1
        await within(longestMs, Promise.resolve(door.enter(input)))
      })
      await fc.assert(property, { numRuns, seed, ...replay() })
      const ms = performance.now() - begun
      const growth = process.memoryUsage().rss - before
      process.stdout.write(
        `${door.name}: ${entered} inputs, ${(ms / 1_000).toFixed(1)} s, ${Math.round(growth / 1_048_576)} MiB more\n`,
      )
      expect(growth).toBeLessThan(mostGrowth)
    },
    Math.max(timeoutMs, inputs * 60),
  )
}

/** `FUZZ_PATH`, as a failure tells it, goes straight to the smallest input. */
function replay(): { path?: string } {
  const path = process.env['FUZZ_PATH']
  return path ? { path } : {}
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing came of it within ${ms} ms`)), ms)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}

/** A failure that was meant: with a code that people can look up, which is not our own mistake, and without secrets. */
export function expectRefusal(error: unknown): IpbridgeError {
  if (!(error instanceof IpbridgeError)) throw error
  expect(Object.keys(errorKinds)).toContain(error.code)
  if (error.code === 'internal') throw error
  expect(error.message).not.toBe('')
  expectNoSecret(error.message)
  return error
}

export function expectNoSecret(text: string): void {
  if (text.includes(canary)) expect.fail(`a secret is in: ${text.slice(0, 2_000)}`)
}
