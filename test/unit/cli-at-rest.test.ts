import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { untilAtRest } from '../../src/cli/at-rest.ts'
import type { Session } from '../../src/cli/session.ts'

describe('A command that waits for an operation', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  /**
   * No worker runs, and what is tried here is given back at once.
   * @param hear is told how often it was looked at and tried
   */
  function sessionWhere(signal: AbortSignal, hear: (looks: number, runs: number) => void) {
    let [runs, looks] = [0, 0]
    const standing = async () => {
      await turn()
      // So long workers have for taking it up.
      if (looks++ === 0) vi.advanceTimersByTime(2_000)
      hear(looks, runs)
      return [{ id: 'o1', state: 'queued', attempts: 0, error: null }]
    }
    const run = async () => {
      hear(looks, ++runs)
      return { result: 'settled', state: 'queued' }
    }
    const app = { desk: { operations: { standing } }, runner: { run } }
    return { app, signal, actor: { name: 'cli:test', role: 'admin' } } as unknown as Session
  }

  it('does not try again and again what is given back at once', async () => {
    const stop = new AbortController()
    let tried = 0
    const session = sessionWhere(stop.signal, (looks, runs) => {
      tried = runs
      if (looks > 5) stop.abort(new Error('long enough'))
    })
    await expect(untilAtRest(session, ['o1'], 60_000)).rejects.toThrow()
    expect(tried).toBe(1)
  })

  it('tries nothing more once it is to stop', async () => {
    const stop = new AbortController()
    let tried = 0
    const session = sessionWhere(stop.signal, (_looks, runs) => {
      tried = runs
      if (runs > 0) stop.abort(new Error('stopped by SIGTERM'))
    })
    await expect(untilAtRest(session, ['o1'], 60_000)).rejects.toThrow()
    expect(tried).toBe(1)
  })
})
