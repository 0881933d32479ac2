import { describe, expect, it } from 'vitest'
import type { Element } from '../../../src/coremanager/document.ts'
import { compareAddresses, fromBigInt } from '../../../src/domain/address.ts'
import { optionsSchema } from '../../../src/ipam/ipmanager/options.ts'
import { readRow } from '../../../src/ipam/ipmanager/row.ts'
import {
  BrokenList,
  byAddress,
  byText,
  type Order,
  OtherOrder,
  pageBefore,
  walk,
} from '../../../src/ipam/ipmanager/walk.ts'

const options = optionsSchema.parse({})
const nth = (n: number) => fromBigInt(BigInt(0x0a000000 + n), 4)
const many = (count: number) => Array.from({ length: count }, (_, n) => nth(n * 2))

/** A list of addresses that a test changes while it is read. */
function listOf(
  addresses: string[],
  before: (request: { number: number; size: number; count: number }) => void = () => {},
) {
  const list = { addresses, requests: 0 }
  const ask = async ({ number, size }: { number: number; size: number }): Promise<Element> => {
    list.requests += 1
    before({ number, size, count: list.requests })
    const rows = list.addresses.slice((number - 1) * size, number * size)
    return {
      $func: 'ip',
      elem: rows.map(ip => ({ ip: { $: ip } })),
      p_elems: { $: `${list.addresses.length}` },
      p_num: { $: `${number}` },
      p_cnt: { $: `${size}` },
    }
  }
  return { list, ask }
}

async function read(
  ask: Parameters<typeof walk>[0],
  { size = 20, order = byAddress as Order } = {},
): Promise<string[]> {
  const found: string[] = []
  const how = { func: 'ip', size, order, read: (element: Element) => readRow(element, options) }
  for await (const rows of walk(ask, how)) found.push(...rows.map(row => row.address))
  return found
}

describe('A list that is read page by page', () => {
  it.each([0, 1, 19, 20, 21, 39, 400, 2519, 2521])('has every one of %i rows once', async count => {
    const { ask } = listOf(many(count))
    expect(await read(ask)).toEqual(many(count))
  })

  it('takes little more requests than it has pages', async () => {
    const { list, ask } = listOf(many(100_000))
    expect(await read(ask, { size: 1_000 })).toHaveLength(100_000)
    expect(list.requests).toBeLessThan(110)
  })

  it('takes the smaller pages of a panel that gives no larger ones', async () => {
    const { ask } = listOf(many(500))
    const cut: typeof ask = async ({ number, size }) => ask({ number, size: Math.min(size, 30) })
    expect(await read(cut, { size: 100 })).toEqual(many(500))
  })

  it('may come as a whole, whatever page is asked for', async () => {
    const { ask } = listOf(many(500))
    expect(await read(() => ask({ number: 1, size: 500 }))).toEqual(many(500))
  })

  it('misses nobody who was there all the time, while others go before them', async () => {
    const { list, ask } = listOf(many(300), ({ count }) => {
      // Three of the first go away between any two pages.
      if (count > 1) list.addresses = list.addresses.slice(3)
    })
    const found = await read(ask)
    const stayed = list.addresses
    expect(found.filter(address => stayed.includes(address))).toEqual(stayed)
  })

  it('misses nobody either when a great many go at once, at its end too', async () => {
    const { list, ask } = listOf(many(200), ({ count }) => {
      if (count === 4) list.addresses = list.addresses.slice(90)
    })
    const found = await read(ask)
    expect(found.slice(-20)).toEqual(list.addresses.slice(-20))
    expect(list.addresses.every(address => found.includes(address))).toBe(true)
  })

  it('shows nobody twice while others come before them', async () => {
    let next = 0
    const { list, ask } = listOf(many(300), () => {
      list.addresses = [...list.addresses, nth(2 * next++ + 1)].sort(compareAddresses)
    })
    const found = await read(ask)
    expect(new Set(found).size).toBe(found.length)
    expect(many(300).every(address => found.includes(address))).toBe(true)
  })

  it('can be read in the order of its text', async () => {
    const sorted = many(500).sort()
    const { ask } = listOf(sorted)
    await expect(read(ask)).rejects.toThrow(OtherOrder)
    expect(await read(ask, { order: byText })).toEqual(sorted)
  })

  const broken: [string, Parameters<typeof walk>[0]][] = [
    ['lacks rows', async page => ({ ...(await listOf(many(50)).ask(page)), p_elems: { $: '90' } })],
    [
      'shows a page twice',
      ({ number, size }) => listOf(many(100)).ask({ number: Math.max(1, number - 1), size }),
    ],
    [
      'has a row twice',
      async () => ({ elem: [{ ip: { $: '10.0.0.1' } }, { ip: { $: '10.0.0.1' } }], p_elems: { $: '2' } }),
    ],
    ['is none', async () => ({ ok: {} })],
  ]
  it.each(broken)('is not believed when it %s', async (_, ask) => {
    await expect(read(ask)).rejects.toThrow(BrokenList)
  })

  it('is not believed when it shows page 3 as page 4', async () => {
    const { ask } = listOf(many(100))
    const stuck: typeof ask = async ({ number, size }) => {
      const shown = Math.min(number, 3)
      return { ...(await ask({ number: shown, size })), p_num: { $: `${number}` } }
    }
    await expect(read(stuck)).rejects.toThrow(BrokenList)
  })
})

describe('The page that begins before a place', () => {
  it('reaches beyond it, whatever the place', () => {
    for (let place = 1; place < 5_000; place++) {
      const { number, size } = pageBefore(place, 20)
      expect((number - 1) * size).toBeLessThanOrEqual(place)
      expect(number * size).toBeGreaterThan(place + 1)
    }
  })
})
