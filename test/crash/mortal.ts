import type { Db } from '../../src/db/client.ts'

/** What ends a worker in the middle of something. Nothing of ours catches it for good: the dead do nothing. */
export class Died extends Error {
  constructor() {
    super('the worker is dead')
  }
}

/** When a worker dies: around its k-th effect, counted from 1. */
export interface Death {
  at: number
  when: 'before' | 'after'
}

export type Mortal = ReturnType<typeof createMortal>

/**
 * Counts everything that a worker changes, in the database and outside, and lets it die before or after any of
 * these effects. Once dead, nothing that it tries has an effect any more.
 */
export function createMortal() {
  let death: Death | undefined
  let isDead = false
  let counts = false
  let effects: string[] = []

  async function effect<T>(name: string, work: () => PromiseLike<T>): Promise<T> {
    if (isDead) throw new Died()
    if (!counts) return await work()
    effects.push(name)
    const isDue = death?.at === effects.length
    if (isDue && death?.when === 'before') return die()
    const result = await work()
    return isDue || isDead ? die() : result
  }

  function die(): never {
    isDead = true
    throw new Died()
  }

  /** A transaction's statements are effects of one client; so are the moments before and after its commit. */
  function mortalDb(db: Db): Db {
    return new Proxy(db, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key)
        if (typeof value !== 'function') return value
        const call = (...args: unknown[]): PromiseLike<unknown> => Reflect.apply(value, target, args)
        if (key === '$queryRaw' || key === '$executeRaw') {
          return async (query: TemplateStringsArray | { sql: string }, ...values: unknown[]) => {
            const text = 'sql' in query ? query.sql : query.join(' ? ')
            const name = changeOf(text)
            if (name === undefined) return isDead ? die() : await call(query, ...values)
            return effect(name, () => call(query, ...values))
          }
        }
        if (key === '$transaction') {
          return async (work: (tx: Db) => Promise<unknown>) => {
            const result = await call(async (tx: Db) => {
              const done = await work(mortalDb(tx))
              await effect('commit', async () => {})
              return done
            })
            await effect('committed', async () => {})
            return result
          }
        }
        return value
      },
    })
  }

  return {
    db: mortalDb,

    /**
     * A driver whose changes are effects.
     * @param calls says of each of its calls whether it changes the outside world; any other is an error, so that
     * a new one cannot be forgotten here
     */
    driver<T extends object>(name: string, driver: T, calls: Record<string, 'reads' | 'changes'>): T {
      return new Proxy(driver, {
        get(target, key) {
          const value: unknown = Reflect.get(target, key)
          if (typeof value !== 'function' || typeof key !== 'string') return value
          const kind = calls[key]
          if (kind === undefined) throw new Error(`does ${name}.${key} change the outside world?`)
          return (...args: unknown[]) => {
            if (isDead) throw new Died()
            const call = () => Reflect.apply(value, target, args)
            return kind === 'reads' ? call() : effect(`${name}.${key}`, async () => call())
          }
        },
      })
    },

    /** A new life, in which effects are counted from 1, and which ends as `next` says. */
    live(next?: Death): void {
      ;[death, isDead, counts, effects] = [next, false, true, []]
    },

    /** A life in which nothing is counted and nobody dies. */
    rest(): void {
      ;[death, isDead, counts] = [undefined, false, false]
    },

    /** The effects of this life, in order. */
    get effects(): readonly string[] {
      return effects
    },
  }
}

/** What a statement changes, in a few words; undefined where it only reads. */
function changeOf(sql: string): string | undefined {
  const changes = sql.matchAll(
    /\b(insert into|update|delete from)\s+(?!of\b|skip\b|set\b)([a-z_]+)|\b(builtin_\w+)\(/g,
  )
  const names = [...changes].map(([, verb, table, builtin]) => builtin ?? `${verb} ${table}`)
  return names.length === 0 ? undefined : [...new Set(names)].join(', ')
}
