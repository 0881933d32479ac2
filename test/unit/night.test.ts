import { describe, expect, it } from 'vitest'
import { latestNight } from '../../src/domain/night.ts'

describe('The night whose reconciliation was due last', () => {
  const at = (text: string, tz = 'Etc/UTC', hour = 3, minute = 0) =>
    latestNight({ hour, minute, tz }, new Date(text))

  it.each([
    ['2026-11-26T03:00:00Z', 'Etc/UTC', { date: '2026-11-26', minutesAgo: 0 }],
    ['2026-11-26T02:59:59Z', 'Etc/UTC', { date: '2026-11-25', minutesAgo: 1_439 }],
    ['2026-01-01T00:00:00Z', 'Etc/UTC', { date: '2025-12-31', minutesAgo: 1_260 }],
    ['2026-11-26T03:00:00Z', 'Europe/Berlin', { date: '2026-11-26', minutesAgo: 60 }],
    ['2026-07-01T03:00:00Z', 'Europe/Berlin', { date: '2026-07-01', minutesAgo: 120 }],
    ['2026-11-26T03:00:00Z', 'America/New_York', { date: '2026-11-25', minutesAgo: 1_140 }],
    ['2026-11-25T20:30:00Z', 'Pacific/Auckland', { date: '2026-11-26', minutesAgo: 390 }],
  ])('at %s by the clock of %s', (now, tz, night) => {
    expect(at(now, tz)).toEqual(night)
  })

  it('counts from the minute that was chosen', () => {
    expect(at('2026-11-26T23:44:00Z', 'Etc/UTC', 23, 45).date).toBe('2026-11-25')
    expect(at('2026-11-26T23:45:00Z', 'Etc/UTC', 23, 45)).toEqual({ date: '2026-11-26', minutesAgo: 0 })
  })

  it('is one night each, also where the clock is put back', () => {
    const dates = Array.from({ length: 48 }, (_, n) => {
      const now = new Date(Date.UTC(2026, 9, 24, 12) + n * 3_600_000)
      return latestNight({ hour: 2, minute: 30, tz: 'Europe/Berlin' }, now).date
    })
    expect([...new Set(dates)]).toEqual(['2026-10-24', '2026-10-25', '2026-10-26'])
    expect(dates).toEqual([...dates].sort())
  })
})
