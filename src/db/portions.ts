/** Rows that one statement changes where there may be any number of them: no statement may take long. */
const portion = 10_000

/**
 * Changes many rows, some at a time, until none is left.
 * @param change changes at most so many, and says how many these were
 * @returns how many it were together
 */
export async function inPortions(change: (most: number) => Promise<number>): Promise<number> {
  for (let all = 0; ; ) {
    const count = await change(portion)
    all += count
    if (count < portion) return all
  }
}
