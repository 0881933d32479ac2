import type { Resolution } from '../../src/domain/conflict.ts'
import { admin } from './api.ts'
import { events } from './events.ts'
import type { Stage } from './stage.ts'

/**
 * Conflicts on a stage, and what an operator does about them.
 * @param stageOf the stage, once it has been set up
 */
export function conflictsOn(stageOf: () => Stage) {
  let count = 0

  /** A service that is granted an address which the IPAM has forgotten, and the conflict over it. */
  async function grantAgain(address: string, claimant: string, server = 'node1') {
    const { app, books, runAll, send } = stageOf()
    books.records.delete(address)
    await send(events.created({ id: claimant, server }))
    await runAll()
    return app.db.conflict.findFirstOrThrow({ where: { claimantService: claimant } })
  }

  /** A service whose address the IPAM has forgotten, and another one that it granted the address to. */
  async function conflict(claimantServer?: string) {
    const { addresses, runAll, send } = stageOf()
    count += 1
    const [holder, claimant] = [`holder-${count}`, `claimant-${count}`]
    await send(events.created({ id: holder }))
    await runAll()
    const address = (await addresses(holder))[0]?.address ?? ''
    const { id, marker } = await grantAgain(address, claimant, claimantServer)
    return { id, marker, holder, claimant, address }
  }

  return {
    conflict,

    /** A conflict, and another over the same address with a third service. */
    async twoConflicts() {
      const one = await conflict()
      const third = `third-${count}`
      const { id } = await grantAgain(one.address, third)
      return { ...one, other: id, third }
    },

    resolve: (id: string, resolution: Resolution) =>
      stageOf().app.desk.conflicts.resolve(admin, id, { resolution, reason: 'looked at both servers' }),

    show: (id: string) => stageOf().app.desk.conflicts.show(id),

    addressOf: async (service: string) => (await stageOf().addresses(service)).map(({ address }) => address),

    /** Runs all there is; those that wait for others look again. */
    async runToTheEnd(operations: string[]): Promise<void> {
      const { app, operation, runAll } = stageOf()
      for (let round = 0; round < 5; round++) {
        await runAll()
        for (const id of operations) {
          const { state } = await operation(id)
          if (state === 'waiting' || state === 'parked') await app.desk.operations.retry(admin, id)
        }
      }
    },
  }
}
