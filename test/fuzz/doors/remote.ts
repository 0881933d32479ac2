import fc from 'fast-check'
import { expect } from 'vitest'
import { type Door, expectRefusal } from '../door.ts'
import { type Garble, garbles, mayLie } from '../remote/garble.ts'
import { startMiddleman } from '../remote/middleman.ts'
import type { Subject, Through } from '../remote/subject.ts'

interface Input {
  call: string
  /** Which of the answers to the call. */
  nth: number
  garble: Garble
}

/** After so many inputs everything begins anew: lies pile up at the other end. */
const fresh = 150

/** Longer than this nobody waits for an answer that never ends, in milliseconds. */
const patienceMs = 400

/** How long a driver may take to notice that nobody waits any more. */
const graceMs = 5_000

/** What a system answers to its driver. */
export async function openRemote(name: string, make: (through: Through) => Promise<Subject>, share: number) {
  const middleman = await startMiddleman()
  let subject = await make(middleman.url)
  let count = 0

  async function enter({ call, nth, garble }: Input): Promise<void> {
    if (count++ % fresh === fresh - 1) {
      await subject.close()
      subject = await make(middleman.url)
    }
    const signal = AbortSignal.timeout(patienceMs)
    const begun = performance.now()
    middleman.garble({ nth, garble })
    try {
      await subject.calls[call]?.(signal)
    } catch (error) {
      if (!signal.aborted || error !== signal.reason) {
        const { message } = expectRefusal(error)
        for (const secret of subject.secrets) expect(message).not.toContain(secret)
      }
    } finally {
      middleman.garble(undefined)
    }
    expect(performance.now() - begun).toBeLessThan(patienceMs + graceMs)
    expect(middleman.strangers, 'nobody follows to another host').toBe(0)
    await subject.settle?.(call, mayLie(garble))
  }

  const inputs = fc.record({
    call: fc.constantFrom(...Object.keys(subject.calls)),
    nth: fc.nat(6),
    garble: garbles,
  })
  const door: Door<Input> = { name: `Answers of ${name}`, inputs, enter, share }
  return {
    door,
    async close() {
      await subject.close()
      await middleman.stop()
    },
  }
}
