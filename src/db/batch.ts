import { isContention, isDatabaseDown } from './client.ts'

/**
 * Turns many concurrent calls into few: while one batch is under way, whatever arrives is collected for the
 * next. No timer is involved, so a lone call never waits, and the busier it gets the larger the batches are.
 *
 * When a batch fails and has more than one item, the items are run one by one, so that only the one that is
 * at fault sees the error; but not where the database is away, which all of them hear at once. `run` must
 * therefore be all or nothing.
 *
 * @param run gives one result for each item, in order
 * @param options.size the most items in a batch, or how much they weigh together
 * @param options.weight what an item weighs; default: 1
 * @param options.parallel how many batches may be under way at once
 */
export function batched<Item, Result>(
  run: (items: Item[]) => Promise<Result[]>,
  options: { size: number; parallel: number; weight?: (item: Item) => number },
): (item: Item) => Promise<Result> {
  interface Call {
    item: Item
    resolve: (result: Result) => void
    reject: (error: unknown) => void
  }
  const { size, parallel, weight = () => 1 } = options
  const waiting: Call[] = []
  let underWay = 0
  let scheduled = false

  function schedule(): void {
    if (scheduled || underWay >= parallel || waiting.length === 0) return
    scheduled = true
    // One turn of the event loop lets the calls that belong together arrive together.
    setImmediate(() => {
      scheduled = false
      underWay += 1
      void runBatch(next()).finally(() => {
        underWay -= 1
        schedule()
      })
      schedule()
    })
  }

  /** As many as fit, and at least one. */
  function next(): Call[] {
    let [count, sum] = [0, 0]
    for (const { item } of waiting) {
      sum += weight(item)
      if (count > 0 && sum > size) break
      count += 1
    }
    return waiting.splice(0, count)
  }

  async function runBatch(calls: Call[]): Promise<void> {
    try {
      const results = await run(calls.map(call => call.item))
      calls.forEach((call, index) => {
        call.resolve(results[index] as Result)
      })
    } catch (error) {
      const isAway = isDatabaseDown(error) && !isContention(error)
      if (calls.length > 1 && !isAway) for (const call of calls) await runBatch([call])
      else for (const call of calls) call.reject(error)
    }
  }

  return item =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject })
      schedule()
    })
}
