import { z } from 'zod'

/** What differs between installations, or is not known of them. May be changed while the simulator runs. */
export const behaviourSchema = z.strictObject({
  /** How long a task takes until it has its effect, in milliseconds. */
  taskMs: z.number().min(0),
  /** How long a token is good for. */
  tokenSeconds: z.number().min(0),
  /** Whether the address that the caller names is overlooked, and one chosen as if it had named none. */
  overlooksAddress: z.boolean(),
  /** Whether a machine's IPv6 addresses have a list of their own, as its IPv4 addresses have. */
  listsIpv6: z.boolean(),
  /** What it chooses from by itself. */
  pools: z.strictObject({ ipv4: z.string(), ipv6: z.string() }),
})

export type Behaviour = z.output<typeof behaviourSchema>

export const defaultBehaviour: Behaviour = {
  taskMs: 20,
  tokenSeconds: 3_600,
  overlooksAddress: false,
  listsIpv6: true,
  pools: { ipv4: '203.0.113.10-203.0.113.250', ipv6: '2001:db8:99::10-2001:db8:99::ff' },
}
