import { z } from 'zod'
import { isSubmit } from './panel.ts'
import { refusalSchema } from './panel-error.ts'

/** Which requests, and how often. Everything that is left out matches. */
const aim = {
  func: z.union([z.string(), z.array(z.string())]).optional(),
  /** Only (or never) what submits a form. */
  submit: z.boolean().optional(),
  /** Only (or never) what makes something new: a submit without `elid`. */
  create: z.boolean().optional(),
  /** The name that the request signs in with, as far as the request itself says. */
  user: z.string().optional(),
  /** Only this page of a list. */
  page: z.number().optional(),
  /** Let this many matching requests pass first. */
  skip: z.number().optional(),
  /** End after this many. Default: goes on until it is removed. */
  times: z.number().optional(),
  /** Hit only this share of the matching requests, from 0 to 1. */
  chance: z.number().min(0).max(1).optional(),
  /** The panel first does what it was asked, and only its answer suffers. Default: nothing happens. */
  afterEffect: z.boolean().optional(),
}

const trouble = <W extends string, S extends z.ZodRawShape = Record<never, never>>(what: W, more?: S) =>
  z.strictObject({ what: z.literal(what), ...aim, ...(more ?? ({} as S)) })

/** A fault on demand. */
export const faultSchema = z.discriminatedUnion('what', [
  /** Another HTTP status, with a page as a proxy in front would give it. */
  trouble('status', { status: z.number().int().min(200).max(599) }),
  /** The connection is closed without an answer. */
  trouble('drop'),
  /** HTTP 200 and nothing. */
  trouble('empty-body'),
  /** An answer with neither `ok` nor `error`, as when the panel dies half-way. */
  trouble('no-ok'),
  /** The answer of somebody who has done what was asked; but nothing was done. */
  trouble('says-ok'),
  /** An HTML page under HTTP 200. */
  trouble('html'),
  /** The right answer under the wrong content type. */
  trouble('content-type', { contentType: z.string().optional() }),
  /** The right answer, broken off in the middle. */
  trouble('truncated'),
  /** The answer takes its time: before the effect, or after it. */
  trouble('slow', { ms: z.number().min(0) }),
  /** All sessions end, as when the panel is restarted. */
  trouble('session-expired'),
  /** The panel refuses. */
  trouble('error', { error: refusalSchema }),
  /** The panel behaves like another product. */
  trouble('other-panel', { mgr: z.string().optional() }),
  /** A list without rows; here and below, everything around it looks healthy. */
  trouble('empty-list'),
  /** `admits`: whether the total (`p_elems`) is cut in half too, so that nothing in the answer gives it away. */
  trouble('half-list', { admits: z.boolean().optional() }),
  /** Every page but the first shows the rows of the one before it. */
  trouble('same-page'),
])

export type Fault = z.output<typeof faultSchema>
export type Trouble = Fault['what']
export type ListFault = Extract<Fault, { what: 'empty-list' | 'half-list' | 'same-page' }>

export interface PlacedFault {
  id: number
  fault: Fault
  /** How often it has struck. */
  hits: number
}

export interface Faults {
  /** Places a fault and gives its id. Several may be in place; the first that matches decides the answer. @throws ZodError */
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
    add(input) {
      const fault = faultSchema.parse(input)
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

function matches(fault: Fault, { func, params, user }: Target): boolean {
  const submit = isSubmit(params)
  const create = submit && (params.get('elid') ?? '') === ''
  return (
    (fault.func === undefined || [fault.func].flat().includes(func)) &&
    (fault.submit === undefined || fault.submit === submit) &&
    (fault.create === undefined || fault.create === create) &&
    (fault.user === undefined || fault.user === user) &&
    (fault.page === undefined || fault.page === Number(params.get('p_num') ?? 1))
  )
}
