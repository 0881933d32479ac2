/**
 * What can happen to a call. `busy`: somebody else holds the lock · `stale`: somebody changes the guest between a look
 * and this change · `lost before`, `lost after`: the connection breaks before or after the effect · `says success`: it
 * answers as always and does nothing · `empty answer`, `garbage answer`: nothing is done, and the answer is none ·
 * `silence`: nothing is done and nothing answered · `unreachable`: the node cannot be reached from the one that answers ·
 * `locked`: the guest has a lock by now · `migrated`: it is at another node by now · `unauthorised`: the login is not
 * (or no longer) known
 */
export type Fault =
  | 'busy'
  | 'stale'
  | 'lost before'
  | 'lost after'
  | 'says success'
  | 'empty answer'
  | 'garbage answer'
  | 'silence'
  | 'unreachable'
  | 'locked'
  | 'migrated'
  | 'unauthorised'

export type Target = 'change' | 'read'

/** Faults strike the nth call of their kind from now on, once. Sign-in and looks at tasks are neither. */
export function createFaults() {
  let placed: { fault: Fault; on: Target; left: number } | undefined

  return {
    place(fault: Fault, on: Target, nth = 1): void {
      placed = { fault, on, left: nth }
    },
    heal(): void {
      placed = undefined
    },
    strike(method: string, template: string): Fault | undefined {
      if (template === '/access/ticket' || template.includes('/tasks/')) return undefined
      if (placed === undefined || placed.on !== (method === 'GET' ? 'read' : 'change')) return undefined
      placed.left -= 1
      if (placed.left > 0) return undefined
      const { fault } = placed
      placed = undefined
      return fault
    },
  }
}
