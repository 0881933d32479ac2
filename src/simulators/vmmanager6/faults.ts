import { z } from 'zod'

/** A fault on demand. */
export const faultSchema = z.strictObject({
  what: z.enum([
    /** Another HTTP status, with a page as a proxy in front would give it; 503 is what it says itself when busy. */
    'status',
    /** It refuses with an error code, as where the machine is locked by another task. */
    'refuses',
    /** The connection is closed without an answer. */
    'drop',
    /** HTTP 200 and nothing. */
    'empty-body',
    /** An HTML page under HTTP 200. */
    'html',
    /** It never answers. */
    'silence',
    /** It takes the change, whose task ends well; but nothing was done. */
    'says-ok',
    /** It takes the change, but its task fails. */
    'task-fails',
    /** All tokens end, as when the service is restarted. */
    'tokens-end',
  ]),
  /** Only what changes something, or only what does not. Signing in and asking for a task count as neither. */
  on: z.enum(['change', 'read']).optional(),
  /** Let this many matching requests pass first. */
  skip: z.number().optional(),
  /** End after this many. Default: goes on until it is removed. */
  times: z.number().optional(),
  /** It first does what it was asked, and only its answer suffers. Default: nothing happens. */
  afterEffect: z.boolean().optional(),
  status: z.number().int().optional(),
  code: z.number().int().optional(),
  message: z.string().optional(),
})

export type Fault = z.output<typeof faultSchema>

export type Faults = ReturnType<typeof createFaults>

/** The faults in place. One strikes a request at the most: the first that matches. */
export function createFaults() {
  let placed: { fault: Fault; seen: number; hits: number }[] = []
  return {
    add(fault: Fault): void {
      placed.push({ fault: faultSchema.parse(fault), seen: 0, hits: 0 })
    },
    clear(): void {
      placed = []
    },
    strike(on: 'change' | 'read'): Fault | undefined {
      const struck = placed.find(one => {
        const { skip = 0, times = Number.POSITIVE_INFINITY } = one.fault
        if (one.hits >= times || (one.fault.on ?? on) !== on) return false
        one.seen += 1
        return one.seen > skip
      })
      if (struck) struck.hits += 1
      return struck?.fault
    },
  }
}
