import type { OutgoingEvent } from '../domain/delivery.ts'
import type { ImportedService } from '../domain/import.ts'

/**
 * The port to a billing core that speaks an interface of its own: it is told there what it would hear by webhook, and
 * its services can be listed. A driver is a function that takes its settings and returns such an object.
 */
export interface BillingCore {
  readonly name: string
  /** The messages that mean something to it. */
  readonly types: readonly string[]
  /**
   * Does there what a message tells of. Done already counts as done, since messages may be repeated.
   * @returns what people should know, if anything
   * @throws IpbridgeError where it could not be done
   */
  tell(event: OutgoingEvent, signal: AbortSignal): Promise<string | undefined>
  /** How many services there are, roughly: for showing progress. */
  count(signal: AbortSignal): Promise<number>
  /**
   * Its live services with the addresses that they have, in no particular order.
   * @param onUnusable hears of those that cannot be used, and why
   * @throws where the list is not whole
   */
  services(onUnusable: (unusable: Unusable) => void, signal: AbortSignal): AsyncIterable<ImportedService>
  /** "Test". Never throws for what an administrator can mend: it says so. */
  check(signal: AbortSignal): Promise<BillingCheck>
}

export interface Unusable {
  where: string
  /** The id of the service that is there nevertheless, where that is known. */
  service?: string
  message: string
}

export interface BillingCheck {
  ok: boolean
  version?: string
  remarks: string[]
}
