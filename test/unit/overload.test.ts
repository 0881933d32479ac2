import { describe, expect, it } from 'vitest'
import { courseOf, peakOf, percentile } from '../../bench/overload/verdict.ts'

const samplesOf = (...mb: number[]) => mb.map((api, n) => ({ seconds: n * 5, rssMb: { api }, open: 0 }))

describe('What an overload is judged by', () => {
  it('tells the course of memory in thirds', () => {
    const samples = samplesOf(100, 200, 300, 310, 290, 300, 305, 295, 300)
    expect(courseOf(samples, 'api')).toEqual({ begin: 200, middle: 300, end: 300 })
    expect(courseOf(samplesOf(100, 110, 200, 210, 300, 310), 'api')).toEqual({
      begin: 105,
      middle: 205,
      end: 305,
    })
  })

  it('leaves out moments at which a process was not there', () => {
    expect(courseOf(samplesOf(100, 100, 100, 0), 'api')).toEqual({ begin: 100, middle: 100, end: 100 })
  })

  it('takes the highest of memory, and of a hundred answers the slowest but one', () => {
    expect(peakOf(samplesOf(1, 7, 3), 'api')).toBe(7)
    const hundred = Array.from({ length: 100 }, (_, n) => n + 1)
    expect([percentile(hundred, 50), percentile(hundred, 99), percentile(hundred, 100)]).toEqual([
      50, 99, 100,
    ])
    expect(percentile([], 99)).toBe(0)
  })
})
