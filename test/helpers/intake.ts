import { type Clock, systemClock } from '../../src/clock.ts'
import { createOperations } from '../../src/db/operations.ts'
import { createIntake } from '../../src/intake/intake.ts'
import { createTestDatabase } from './database.ts'
import { until } from './until.ts'

export type TestIntake = Awaited<ReturnType<typeof startTestIntake>>

/** The ledger and what takes events in, with a server named node1; nobody works on anything. */
export async function startTestIntake(options: { clock?: Clock; announce?: () => Promise<void> } = {}) {
  const { clock = systemClock, announce = async () => {} } = options
  const database = await createTestDatabase()
  const { db } = database
  const announced: string[] = []
  /** Another process that takes events in. */
  const another = () =>
    createIntake({
      db,
      clock,
      async announce(operations) {
        announced.push(...operations.map(({ id }) => id))
        await announce()
      },
    })
  const { id: connectionId } = await db.connection.findUniqueOrThrow({ where: { name: 'builtin' } })
  const addServer = (name: string) =>
    db.server.create({ data: { id: crypto.randomUUID(), name, connectionId } })
  await addServer('node1')
  const operations = createOperations(db, { worker: 'test', leaseSeconds: 60 })

  return {
    db,
    operations,
    announced,
    another,
    addServer,
    intake: another(),

    /** The operations of a service in their order, as `kind state slot`. */
    async line(service: string): Promise<string[]> {
      const rows = await db.operation.findMany({
        where: { serviceId: service },
        orderBy: { seq: 'asc' },
        include: { assignment: true },
      })
      return rows.map(row => [row.kind, row.state, row.assignment?.slot].filter(Boolean).join(' '))
    },

    /** Carries out what is queued of a service, as workers would that get these addresses. */
    async work(service: string, addresses: Record<string, string> = {}): Promise<void> {
      for (;;) {
        const [next] = await db.operation.findMany({
          where: { serviceId: service, state: 'queued' },
          orderBy: { seq: 'asc' },
          take: 1,
          include: { assignment: true },
        })
        if (next === null || next === undefined) return
        const claimed = await operations.claim(next.id)
        const { assignment } = next
        const address = addresses[assignment?.slot ?? '']
        if (assignment && next.kind === 'allocate' && address !== undefined) {
          await db.assignment.update({
            where: { id: assignment.id },
            data: { state: 'reserved', address, addressSpace: 'default', connectionId },
          })
        }
        const state = next.kind === 'allocate' ? ('active' as const) : ('released' as const)
        await operations.settle({
          id: next.id,
          epoch: claimed?.epoch ?? 0,
          settlement: {
            state: 'done',
            ...(assignment && next.kind !== 'ptr' ? { assignment: { state } } : {}),
          },
          steps: [],
        })
      }
    },

    /** Waits until some statement waits for a lock of another. */
    async blocked(): Promise<void> {
      await until('a statement waits for a lock', async () => {
        const [row] = await db.$queryRaw<{ blocked: bigint }[]>`
          select count(*) as blocked from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock'`
        return row?.blocked === 1n
      })
    },

    shutDown: () => database.drop(),
  }
}
