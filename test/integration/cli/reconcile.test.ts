import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { markerOf } from '../../../src/domain/marker.ts'
import { furnish } from '../../helpers/api.ts'
import { queueMissing, startTestApp, type TestApp } from '../../helpers/app.ts'
import { command } from '../../helpers/cli.ts'
import { events } from '../../helpers/events.ts'

describe.skipIf(queueMissing)('`ipbridge reconcile`', () => {
  let app: TestApp
  beforeAll(async () => {
    app = await startTestApp()
    await furnish(app)
    const receipts = await app.intake.accept(
      [1, 2, 3].map(n => events.created({ id: `vps-${n}` })),
      'http',
    )
    await app.desk.operations.settled(
      receipts.flatMap(receipt => receipt.operations),
      20_000,
    )
  })
  afterAll(() => app.shutDown())

  async function reconcile(...args: string[]) {
    const { code, out, err } = await command(['reconcile', '--json', ...args], app.env)
    return { code, err, answer: out === '' ? undefined : JSON.parse(out) }
  }

  it('exits with 0 where ledger and IPAM agree', async () => {
    const { code, answer } = await reconcile('--connection', 'builtin')
    expect(code).toBe(0)
    expect(answer).toMatchObject({ connection: 'builtin', counts: {}, findings: [] })
  })

  it('exits with 3 where they differ, and prints the plan; `--apply` with its hash carries it out', async () => {
    // Somebody released the address of a service by hand.
    const lost = await app.db.assignment.findFirstOrThrow({ where: { serviceId: 'vps-2' } })
    const ipam = await app.ipams.driver(lost.connectionId ?? '')
    const held = { address: lost.address ?? '', marker: markerOf(lost) }
    await ipam.release(held, AbortSignal.timeout(5_000))
    const { code, answer } = await reconcile()
    expect(code).toBe(3)
    expect(answer.items).toHaveLength(1)
    const [plan] = answer.items
    expect(plan).toMatchObject({
      id: expect.any(String),
      connection: 'builtin',
      hash: expect.stringMatching(/^[0-9a-f]{16,}$/),
      state: expect.any(String),
    })
    const counted = Object.values(plan.counts as Record<string, number>).reduce((sum, n) => sum + n, 0)
    expect(counted).toBe(plan.findings.length)
    const about = plan.findings.filter((finding: { address: string }) => finding.address === lost.address)
    expect(about).toMatchObject([{ class: expect.any(String), service: 'vps-2', action: expect.any(String) }])

    const applied = await reconcile('--apply', plan.hash)
    expect(applied.code).toBe(0)
    expect(applied.answer.operations).toEqual(expect.any(Array))
  })

  it('exits with 1 where the hash is that of no plan', async () => {
    const { code, err } = await reconcile('--apply', '0'.repeat(64))
    expect(code).toBe(1)
    expect(err).toMatch(/ipbridge: (not_found|plan_stale): /)
  })

  it('exits with 1 where there is no such connection', async () => {
    const { code, err } = await reconcile('--connection', 'nowhere')
    expect(code).toBe(1)
    expect(err).toContain('not_found')
  })
})
