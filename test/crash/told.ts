import type { Watch } from './watch.ts'

/** Which of each call of a driver changes the outside world. */
export type Calls = Record<string, 'reads' | 'changes'>

/**
 * A driver without a network behind it, whose calls are told of as requests are.
 * @param calls any other call is an error, so that a new one cannot be forgotten here
 */
export function told<T extends object>(watch: Watch, name: string, driver: T, calls: Calls): T {
  return new Proxy(driver, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key)
      if (typeof value !== 'function' || typeof key !== 'string') return value
      const kind = calls[key]
      if (kind === undefined) throw new Error(`does ${name}.${key} change the outside world?`)
      if (kind === 'reads') return value
      return async (...args: unknown[]) => {
        const result = await Reflect.apply(value, target, args)
        await watch.tell(`${name}.${key}`, 'outside')
        return result
      }
    },
  })
}
