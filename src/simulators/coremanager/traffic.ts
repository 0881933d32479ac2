/** What came in for one function. */
export interface Traffic {
  count: number
  /** The most requests that were under way at once. */
  atOnce: number
}

/** Counts the requests, by function, and how many were under way at the same time. */
export function createTraffic() {
  const byFunc = new Map<string, Traffic & { now: number }>()
  return {
    /** Notes a request; call what it gives when the request is over. */
    begin(func: string): () => void {
      const entry = byFunc.get(func) ?? { count: 0, atOnce: 0, now: 0 }
      byFunc.set(func, entry)
      entry.count += 1
      entry.now += 1
      entry.atOnce = Math.max(entry.atOnce, entry.now)
      return () => {
        entry.now -= 1
      }
    },
    read: (): Record<string, Traffic> =>
      Object.fromEntries([...byFunc].map(([func, { count, atOnce }]) => [func, { count, atOnce }])),
    reset: (): void => {
      for (const entry of byFunc.values()) Object.assign(entry, { count: 0, atOnce: entry.now })
    },
  }
}
