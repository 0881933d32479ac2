import { z } from 'zod'

/** What differs between panels, or is not known of them. May be changed while the simulator runs. */
export const behaviourSchema = z.strictObject({
  /** Whether a list with one row shows it bare, as was captured, or as an array of one. */
  oneRow: z.enum(['object', 'array']),
  sessionSeconds: z.number(),
  bindSessions: z.boolean(),
  /** Rows a page where the caller names no `p_cnt`, and the most whatever it asks for. */
  pageSize: z.number().int().positive(),
  largestPage: z.number().int().positive(),
  errors: z.enum(['named', 'numbered']),
  /** Whether the address that the caller names is overlooked, and one chosen as if it had named none. */
  overlooksAddress: z.boolean(),
  /** Whether a guest's main address can be taken off it. */
  mainStays: z.boolean(),
  /** Whether PTRs are shown with the dot at their end. */
  dots: z.boolean(),
  /** What it chooses from by itself. */
  pools: z.strictObject({ ipv4: z.string(), ipv6: z.string() }),
})

export type Behaviour = z.output<typeof behaviourSchema>

export const defaultBehaviour: Behaviour = {
  oneRow: 'object',
  sessionSeconds: 3_600,
  bindSessions: true,
  pageSize: 100,
  largestPage: 100_000,
  errors: 'named',
  overlooksAddress: false,
  mainStays: false,
  dots: true,
  pools: { ipv4: '203.0.113.10-203.0.113.250', ipv6: '2001:db8:99::10-2001:db8:99::ff' },
}
