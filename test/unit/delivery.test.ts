import { describe, expect, it } from 'vitest'
import { deliveryPause, mostDeliveryAttempts, outgoingEvent } from '../../src/domain/delivery.ts'

describe('The pauses between tries to deliver', () => {
  const pauses = Array.from({ length: mostDeliveryAttempts - 1 }, (_, n) => deliveryPause(n + 1, 0) ?? 0)

  it('grow from five seconds to a day', () => {
    expect(pauses[0]).toBe(5_000)
    expect(pauses.at(-1)).toBe(86_400_000)
    expect([...pauses].sort((a, b) => a - b)).toEqual(pauses)
  })

  it('end after about three days', () => {
    expect(deliveryPause(mostDeliveryAttempts, 0)).toBeUndefined()
    expect(pauses.reduce((sum, pause) => sum + pause, 0) / 86_400_000).toBeCloseTo(3.15, 1)
  })

  it('are up to a tenth longer, at random', () => {
    expect(deliveryPause(1, 0.999)).toBe(5_500)
  })

  it('are at least as long as the receiver asked for', () => {
    expect(deliveryPause(1, 0, 60_000)).toBe(60_000)
    expect(deliveryPause(3, 0, 60_000)).toBe(1_800_000)
  })
})

describe('An outgoing event', () => {
  it('is a CloudEvent and a Standard Webhooks payload at once', () => {
    const at = new Date('2026-03-01T12:00:00Z')
    const data = { address: '192.0.2.1' }
    expect(outgoingEvent({ uid: 'u', type: 'address.assigned', service: 's1', data, at })).toEqual({
      specversion: '1.0',
      id: 'u',
      source: '/ipbridge',
      type: 'address.assigned',
      time: '2026-03-01T12:00:00.000Z',
      timestamp: '2026-03-01T12:00:00.000Z',
      subject: 's1',
      datacontenttype: 'application/json',
      data,
    })
  })
})
