import type { Deliveries, OpenSubscriber } from '../db/deliveries.ts'
import { asIpbridgeError, IpbridgeError } from '../errors.ts'
import type { BillingCore } from './core.ts'
import type { Sender } from './webhook.ts'

/** Makes a driver for a stored billing core. @throws invalid_configuration where its settings are not what it takes */
export type BillingFactory = (subscriber: OpenSubscriber) => BillingCore

export type BillingCores = ReturnType<typeof billingCores>

/**
 * Makes drivers out of stored billing cores: one for each, and anew when it was changed.
 * @param options.drivers the kinds that there are
 */
export function billingCores(options: { deliveries: Deliveries; drivers: Record<string, BillingFactory> }) {
  const { deliveries, drivers } = options
  const made = new Map<string, { core: BillingCore; updatedAt: number }>()

  function make(subscriber: OpenSubscriber): BillingCore {
    const factory = drivers[subscriber.kind]
    if (factory) return factory(subscriber)
    const kinds = Object.keys(drivers).join(', ')
    throw new IpbridgeError(
      'invalid_configuration',
      `${subscriber.name} is of the kind ${subscriber.kind}; there are ${kinds}`,
    )
  }

  function coreOf(subscriber: OpenSubscriber): BillingCore {
    const known = made.get(subscriber.id)
    const updatedAt = subscriber.updatedAt.getTime()
    if (known?.updatedAt === updatedAt) return known.core
    const core = make(subscriber)
    made.set(subscriber.id, { core, updatedAt })
    return core
  }

  /** Tells a billing core in its own way; it is tried again when that fails, as with a webhook. */
  const send: Sender = async (subscriber, event, signal) => {
    try {
      const detail = await coreOf(subscriber).tell(event, signal)
      return { outcome: 'delivered', ...(detail === undefined ? {} : { detail }) }
    } catch (error) {
      const { code, message, retryAfterMs } = asIpbridgeError(error)
      const after = retryAfterMs === undefined ? {} : { retryAfterMs }
      return { outcome: 'failed', detail: `${code}: ${message}`, ...after }
    }
  }

  return {
    kinds: Object.keys(drivers),
    senders: Object.fromEntries(Object.keys(drivers).map(kind => [kind, send])),
    /** All that are told of things now. */
    all: async (): Promise<BillingCore[]> => (await deliveries.active(Object.keys(drivers))).map(coreOf),
    core: async (id: string): Promise<BillingCore> => coreOf(await deliveries.openSubscriber(id)),
    /** Checks settings before they are stored; asks nobody. @throws invalid_configuration */
    rehearse: (subscriber: OpenSubscriber): BillingCore => make(subscriber),
  }
}
