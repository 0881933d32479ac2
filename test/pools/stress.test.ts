import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fromBigInt, toBigInt } from '../../src/domain/address.ts'
import { asIpbridgeError } from '../../src/errors.ts'
import type { Held } from '../../src/ipam/driver.ts'
import { faultsInBooks, openPools, type Pools } from '../helpers/pools.ts'

describe('A pool from which many take and to which they give back at random', () => {
  let ipam: Pools
  beforeAll(async () => {
    ipam = await openPools()
  })
  afterAll(() => ipam.close())

  it('hands nothing out twice and loses nothing', async () => {
    // Nearly as many addresses as takers, so that they meet all the time.
    await ipam.add({ name: 'small', cidr: '192.0.2.0/26', gateway: '192.0.2.1', quarantineSeconds: 0 })
    await ipam.add({ name: 'later', cidr: '198.51.100.0/27', quarantineSeconds: 1, priority: 200 })
    const processes = [ipam.another(), ipam.another(), ipam.another()]
    const holders = new Map<string, string>()
    const refusals = new Map<string, number>()
    let granted = 0

    /** One client after the other's heels: takes, names, gives back, in no order. */
    async function client(process: (typeof processes)[number], actions: number) {
      const mine: Held[] = []
      for (let n = 0; n < actions; n++) {
        const dice = Math.random()
        try {
          if (mine.length > 0 && dice < 0.45) {
            const [held] = mine.splice(Math.floor(Math.random() * mine.length), 1)
            if (held) await giveBack(process, held)
          } else {
            const requested =
              dice > 0.8
                ? fromBigInt(toBigInt('192.0.2.0') + BigInt(Math.floor(Math.random() * 64)), 4)
                : undefined
            // Few owners, so that former addresses are asked for as well.
            const owner = `service-${Math.floor(Math.random() * 40)} main`
            const held = await process.take({ owner, ...(requested ? { requested } : {}) })
            expect(holders.get(held.address), `${held.address} is handed out twice`).toBeUndefined()
            holders.set(held.address, held.marker)
            granted += 1
            mine.push(held)
          }
        } catch (error) {
          const { code } = asIpbridgeError(error)
          if (!['pool_exhausted', 'address_taken', 'ipam_busy'].includes(code)) throw error
          refusals.set(code, (refusals.get(code) ?? 0) + 1)
        }
      }
      for (const held of mine) await giveBack(process, held)
    }

    /** The holder is forgotten before the call: somebody else may have the address before it returns. */
    async function giveBack(process: (typeof processes)[number], held: Held) {
      holders.delete(held.address)
      await process.release(held)
    }

    /** An operator who cannot make up his mind. */
    async function operator() {
      for (let n = 0; n < 20; n++) {
        const exclude =
          n % 2 === 0 ? [['198.51.100.8-198.51.100.15', '198.51.100.20'], []][(n / 2) % 2] : undefined
        const change = { gateway: n % 2 === 0 ? undefined : null, exclude }
        await ipam.db.$transaction(tx => ipam.pools.changeShape('later', change, tx))
        await ipam.store.sweep(50)
      }
    }

    const clients = processes.flatMap(process => Array.from({ length: 6 }, () => client(process, 40)))
    await Promise.all([...clients, operator()])

    expect(granted).toBeGreaterThan(200)
    expect(refusals.get('address_taken')).toBeGreaterThan(0)
    expect(refusals.get('internal')).toBeUndefined()
    expect(await faultsInBooks(ipam.db, 'small')).toEqual([])
    expect(await faultsInBooks(ipam.db, 'later')).toEqual([])
    expect(await ipam.db.poolAddress.count({ where: { state: 'held' } })).toBe(0)
  }, 120_000)
})
