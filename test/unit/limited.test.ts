import { describe, expect, it } from 'vitest'
import { limited } from '../../src/ipam/limited.ts'
import { memoryIpam } from '../../src/ipam/memory.ts'
import { until } from '../helpers/until.ts'

describe('an IPAM with a limit', () => {
  const signal = new AbortController().signal

  /** A driver whose reads end only when they are let go. */
  function slowReads() {
    const waiting: (() => void)[] = []
    const driver = memoryIpam({ pools: { p: '192.0.2.0/24' } })
    const read = () => new Promise<undefined>(resolve => waiting.push(() => resolve(undefined)))
    return { driver: { ...driver, read }, waiting }
  }

  it('is asked no more than so many things at once', async () => {
    const { driver, waiting } = slowReads()
    const guarded = limited(driver, 2)
    const calls = [1, 2, 3, 4, 5].map(n => guarded.read(`192.0.2.${n}`, signal))
    let most = 0
    for (let ended = 0; ended < calls.length; ended++) {
      const next = await until('a call is under way', () => waiting.shift())
      most = Math.max(most, waiting.length + 1)
      next()
    }
    await Promise.all(calls)
    expect(most).toBe(2)
  })

  it('does not make a call that was aborted while it waited for its turn', async () => {
    const { driver, waiting } = slowReads()
    const guarded = limited(driver, 1)
    const first = guarded.read('192.0.2.1', signal)
    const abort = new AbortController()
    const second = guarded.read('192.0.2.2', abort.signal)
    abort.abort(new Error('no longer wanted'))
    const end = await until('the first call is under way', () => waiting.shift())
    end()
    await first
    await expect(second).rejects.toThrow('no longer wanted')
    expect(waiting).toEqual([])
  })
})
