import { isSubmit } from './panel.ts'
import type { Refusal } from './panel-error.ts'

/** Something that goes wrong with a list; everything around it looks healthy. */
export type ListFault =
  | { what: 'empty-list' }
  /** `admits`: whether the total (`p_elems`) is cut in half too, so that nothing in the answer gives it away. */
  | { what: 'half-list'; admits?: boolean }
  /** Every page but the first shows the rows of the one before it. */
  | { what: 'same-page' }

/** Something that goes wrong with a request. */
export type Trouble =
  | ListFault
  /** Another HTTP status, with a page as a proxy in front would give it. */
  | { what: 'status'; status: number }
  /** The connection is closed without an answer. */
  | { what: 'drop' }
  /** HTTP 200 and nothing. */
  | { what: 'empty-body' }
  /** An answer with neither `ok` nor `error`, as when the panel dies half-way. */
  | { what: 'no-ok' }
  /** An HTML page under HTTP 200. */
  | { what: 'html' }
  /** The right answer under the wrong content type. */
  | { what: 'content-type'; contentType?: string }
  /** The answer breaks off in the middle. */
  | { what: 'truncated' }
  /** The answer takes its time. */
  | { what: 'slow'; ms: number }
  /** All sessions end, as when the panel is restarted. */
  | { what: 'session-expired' }
  /** The panel refuses. */
  | { what: 'error'; error: Refusal }
  /** The panel behaves like another product. */
  | { what: 'other-panel'; mgr?: string }

/** Which requests, and how often. Everything that is left out matches. */
export interface Aim {
  func?: string
  /** Only (or never) what submits a form. */
  submit?: boolean
  /** Only (or never) what makes something new: a submit without `elid`. */
  create?: boolean
  /** The name that the request signs in with, as far as the request itself says. */
  user?: string
  /** Only this page of a list. */
  page?: number
  /** Let this many matching requests pass first. */
  skip?: number
  /** End after this many. Default: goes on until it is removed. */
  times?: number
  /** Hit only this share of the matching requests, from 0 to 1. */
  chance?: number
}

/**
 * A fault on demand.
 * `afterEffect`: the panel first does what it was asked, and only its answer suffers. Default: nothing happens.
 */
export type Fault = Trouble & Aim & { afterEffect?: boolean }

export interface PlacedFault {
  id: number
  fault: Fault
  /** How often it has struck. */
  hits: number
}

export interface Faults {
  /** Places a fault and gives its id. Several may be in place; the first that matches decides the answer. */
  add(fault: Fault): number
  /** Whether it was there. */
  remove(id: number): boolean
  clear(): void
  list(): PlacedFault[]
}

/** A request as far as faults look at it. */
export interface Target {
  func: string
  params: URLSearchParams
  user: string | undefined
}

/** The faults in place, and (for the shell) those that strike a request. */
export function createFaults(random: () => number): Faults & { strike(target: Target): Fault[] } {
  let placed: (PlacedFault & { seen: number })[] = []
  let last = 0
  return {
    add(fault) {
      last += 1
      placed.push({ id: last, fault, hits: 0, seen: 0 })
      return last
    },
    remove(id) {
      const before = placed.length
      placed = placed.filter(one => one.id !== id)
      return placed.length < before
    },
    clear() {
      placed = []
    },
    list: () => placed.map(({ id, fault, hits }) => ({ id, fault, hits })),
    strike(target) {
      return placed
        .filter(one => {
          const { skip = 0, times = Number.POSITIVE_INFINITY, chance = 1 } = one.fault
          if (one.hits >= times || !matches(one.fault, target)) return false
          one.seen += 1
          if (one.seen <= skip || (chance < 1 && random() >= chance)) return false
          one.hits += 1
          return true
        })
        .map(one => one.fault)
    },
  }
}

function matches(aim: Aim, { func, params, user }: Target): boolean {
  const submit = isSubmit(params)
  const create = submit && (params.get('elid') ?? '') === ''
  return (
    (aim.func === undefined || aim.func === func) &&
    (aim.submit === undefined || aim.submit === submit) &&
    (aim.create === undefined || aim.create === create) &&
    (aim.user === undefined || aim.user === user) &&
    (aim.page === undefined || aim.page === Number(params.get('p_num') ?? 1))
  )
}
