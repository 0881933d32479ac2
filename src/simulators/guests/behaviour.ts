import { z } from 'zod'
import { defaultPanelBehaviour, panelBehaviour } from '../coremanager/behaviour.ts'

/** What differs between panels, or is not known of them. May be changed while the simulator runs. */
export const behaviourSchema = z.strictObject({
  ...panelBehaviour,
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
  ...defaultPanelBehaviour,
  errors: 'named',
  overlooksAddress: false,
  mainStays: false,
  dots: true,
  pools: { ipv4: '203.0.113.10-203.0.113.250', ipv6: '2001:db8:99::10-2001:db8:99::ff' },
}
