import { Writable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createLog } from '../../src/log.ts'

describe('The log', () => {
  const lines: Record<string, unknown>[] = []
  const sink = new Writable({
    write(chunk, _encoding, done) {
      lines.push(JSON.parse(String(chunk)))
      done()
    },
  })
  const away = (code: string) => Object.assign(new Error('away'), { code })

  beforeEach(() => {
    lines.length = 0
    vi.useFakeTimers({ toFake: ['performance'] })
  })
  afterEach(() => void vi.useRealTimers())

  it('tells of a trouble that lasts once a minute, and then how often it was met', () => {
    const log = createLog('info', sink)
    for (let second = 0; second <= 60; second++) {
      log.warn({ err: away('ECONNREFUSED') }, 'redis')
      vi.advanceTimersByTime(1_000)
    }
    expect(lines.map(line => [line['msg'], line['repeats']])).toEqual([
      ['redis', undefined],
      ['redis', 59],
    ])
  })

  it('tells of each trouble, wherever it is met', () => {
    const log = createLog('info', sink)
    log.warn({ err: away('ECONNREFUSED'), queue: 'allocate' }, 'worker')
    log.warn({ err: away('ECONNREFUSED'), queue: 'release' }, 'worker')
    log.warn({ err: away('ECONNRESET'), queue: 'allocate' }, 'worker')
    expect(lines).toHaveLength(3)
  })

  it('leaves out nothing that is not a warning', () => {
    const log = createLog('info', sink)
    for (const say of ['info', 'error'] as const) for (let n = 0; n < 3; n++) log[say]({ n }, 'the same')
    expect(lines).toHaveLength(6)
  })
})
