import { Writable } from 'node:stream'
import pino from 'pino'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createNightly } from '../../src/reconciliation/nightly.ts'
import { admin } from '../helpers/api.ts'
import { startTestApp, type TestApp } from '../helpers/app.ts'

describe('The nightly reconciliation', () => {
  let app: TestApp
  const lines: { msg: string; connection?: string }[] = []
  const log = pino(
    new Writable({
      write(chunk, _encoding, done) {
        lines.push(JSON.parse(String(chunk)))
        done()
      },
    }),
  )
  const night = { hour: 3, minute: 0, tz: 'Etc/UTC' }
  const clockAt = (text: string) => ({ now: () => new Date(text), monotonic: () => performance.now() })
  const nights = (now: string, schedule: typeof night | undefined = night) =>
    createNightly({ db: app.db, schedule, start: app.desk.reconciliations.start, clock: clockAt(now), log })

  beforeAll(async () => {
    app = await startTestApp({ work: false })
    await app.desk.connections.add(admin, { name: 'other', driver: 'builtin', addressSpace: 'other' })
  })
  afterEach(async () => {
    lines.length = 0
    await app.db.reconciliation.deleteMany()
    await app.db.operationStep.deleteMany()
    await app.db.operation.deleteMany()
    await app.db.connection.updateMany({ data: { createdAt: new Date() } })
  })
  afterAll(() => app.shutDown())

  const aged = (hours: number) =>
    app.db.connection.updateMany({ data: { createdAt: new Date(Date.now() - hours * 3_600_000) } })
  const causes = async () => {
    const rows = await app.db.operation.findMany({ orderBy: { seq: 'asc' } })
    return rows.map(({ cause, state }) => `${cause} ${state}`)
  }

  it('is one operation for each connection', async () => {
    const { operations } = await nights('2026-11-26T03:00:01Z').run()
    expect(operations).toHaveLength(2)
    expect(await causes()).toEqual(['schedule:2026-11-26 queued', 'schedule:2026-11-26 queued'])
  })

  it('is never started twice: neither by several at once, nor after it has ended', async () => {
    const many = await Promise.all(Array.from({ length: 5 }, () => nights('2026-11-26T03:00:01Z').run()))
    expect(new Set(many.flatMap(({ operations }) => operations)).size).toBe(2)
    for (const id of many[0]?.operations ?? []) await app.runner.run(id)
    await nights('2026-11-26T09:00:00Z').run()
    expect(await causes()).toEqual(['schedule:2026-11-26 done', 'schedule:2026-11-26 done'])
    await nights('2026-11-27T03:00:00Z').run()
    expect(await causes()).toHaveLength(4)
  })

  it('is caught up when it was missed, once', async () => {
    await aged(24)
    await nights('2026-11-26T03:09:00Z').catchUp()
    expect(await causes()).toEqual([])
    await nights('2026-11-26T11:00:00Z').catchUp()
    await nights('2026-11-26T11:00:10Z').catchUp()
    expect(await causes()).toEqual(['schedule:2026-11-26 queued', 'schedule:2026-11-26 queued'])
    expect(lines).toMatchObject([
      { msg: expect.stringContaining('was missed'), connections: ['builtin', 'other'] },
    ])
  })

  it('is not caught up for a connection that was not there at night', async () => {
    await nights('2026-11-26T11:00:00Z').catchUp()
    expect(await causes()).toEqual([])
  })

  it('raises an alarm when none has come to its end for two nights', async () => {
    await aged(47)
    await nights('2026-11-26T11:00:00Z').watch()
    expect([lines, (await app.desk.health.measures()).overdue]).toEqual([[], []])
    await aged(49)
    const watching = nights('2026-11-26T11:00:00Z')
    await watching.watch()
    await watching.watch()
    expect(lines.map(({ connection }) => connection)).toEqual(['builtin', 'other'])
    expect((await app.desk.health.measures()).overdue).toEqual(['builtin', 'other'])
    await app.runner.run(await app.desk.reconciliations.start('other', 'operator:test'))
    expect((await app.desk.health.measures()).overdue).toEqual(['builtin'])
  })

  it('does not come at all where nobody wants it', async () => {
    await aged(100)
    const none = createNightly({
      db: app.db,
      schedule: undefined,
      start: app.desk.reconciliations.start,
      clock: clockAt('2026-11-26T11:00:00Z'),
      log,
    })
    await none.run()
    await none.catchUp()
    await none.watch()
    expect([await causes(), lines]).toEqual([[], []])
  })
})
