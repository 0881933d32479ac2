import type { Db } from '../../db/client.ts'
import type { PoolDesk } from './pools.ts'
import type { BuiltinStore, Space } from './store.ts'

/** What the built-in IPAM wants done from time to time, whoever does it. */
export interface Upkeep {
  /** Ends quarantines that are over. */
  sweep(): Promise<void>
  /** Tells billing of pools that fell below their low-water mark since the last look, once each. */
  checkLevels(): Promise<void>
}

const sweepSize = 5_000

export function createUpkeep(options: {
  db: Db
  store: BuiltinStore
  pools: PoolDesk
  onSpace: (space: Space) => void
}): Upkeep {
  const { db, store, pools, onSpace } = options
  return {
    async sweep() {
      for (const space of await store.sweep(sweepSize)) onSpace(space)
    },

    async checkLevels() {
      const watched = await db.pool.findMany({ where: { lowWater: { gt: 0 } } })
      if (watched.length === 0) return
      const fill = new Map((await pools.fill()).map(entry => [entry.name, entry]))
      for (const { name, lowWater, lowSince } of watched) {
        const free = BigInt(fill.get(name)?.free ?? '0')
        const isLow = free < BigInt(lowWater)
        if (isLow === (lowSince !== null)) continue
        const data = { pool: name, free: `${free}`, lowWater }
        await db.$transaction(async tx => {
          // Only one of many processes that notice it at once finds the mark as it was.
          const { count } = await tx.pool.updateMany({
            where: { name, lowSince: isLow ? null : { not: null } },
            data: { lowSince: isLow ? new Date() : null },
          })
          if (isLow && count === 1) await tx.outbox.create({ data: { type: 'pool.low', data } })
        })
      }
    },
  }
}
