/** What a simulator held at one moment. Sign-ins are not part of it: whoever they were for comes in anew. */
export interface Memory {
  /** All of it, for comparing. */
  all: unknown
  /** Has the simulator hold that again, as often as it is called. */
  recall(): void
}

/** Remembers a map. What is in it stays the same objects, since others may hold them; what is in these is put back. */
export function rememberMap<K, V extends object>(map: Map<K, V>): Memory {
  const entries = [...map].map(([key, value]) => ({ key, value, was: structuredClone(value) }))
  return {
    all: entries.map(({ was }) => was),
    recall() {
      map.clear()
      for (const { key, value, was } of entries) {
        for (const name of Object.keys(value)) delete value[name as keyof V]
        map.set(key, Object.assign(value, structuredClone(was)))
      }
    },
  }
}
