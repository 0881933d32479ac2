import type { BillingCore } from '../billing/core.ts'
import type { LedgerServices, LiveService } from '../db/ledger-services.ts'
import type { Difference } from '../domain/findings.ts'
import { asIpbridgeError } from '../errors.ts'

export type UnbilledDifference = Difference<LiveService, never> & { subject: string }

export type Unbilled = ReturnType<typeof createUnbilled>

/** What happened so shortly before billing was listed may have happened after it, by another clock. */
const clockMs = 60_000

/**
 * Services that are live here and unknown to billing: nobody pays for their addresses.
 * @param options.cores the billing cores that can be listed
 */
export function createUnbilled(options: { ledger: LedgerServices; cores: () => Promise<BillingCore[]> }) {
  const { ledger, cores } = options

  /** The services of all billing cores; undefined where they cannot all be known, and `onAway` hears why. */
  async function listBilled(onAway: (remark: string) => void, signal: AbortSignal) {
    const billed = new Set<string>()
    for (const core of await cores()) {
      const before = billed.size
      const nameless: string[] = []
      try {
        const onUnusable = ({ where, service }: { where: string; service?: string }) =>
          service === undefined ? nameless.push(where) : billed.add(service)
        for await (const { id } of core.services(onUnusable, signal)) billed.add(id)
      } catch (error) {
        signal.throwIfAborted()
        const { code, message } = asIpbridgeError(error)
        onAway(`the services of ${core.name} could not be listed: ${code}: ${message}`)
        return undefined
      }
      if (billed.size === before || nameless.length > 0) {
        const why = nameless.length > 0 ? `services that cannot be read: ${nameless[0]}` : 'no service at all'
        onAway(`${core.name} lists ${why}; services that billing does not know were not looked for`)
        return undefined
      }
    }
    return billed
  }

  return {
    /** Whether there is anybody to ask. */
    canAsk: async (): Promise<boolean> => (await cores()).length > 0,

    /**
     * A connection's services that no billing core has. Memory is bounded by the ids that billing lists.
     * @param onAway called where billing cannot be asked; then nothing is found
     */
    async *list(
      connectionId: string,
      onAway: (remark: string) => void,
      signal: AbortSignal,
    ): AsyncGenerator<UnbilledDifference[]> {
      const before = new Date(Date.now() - clockMs)
      const billed = await listBilled(onAway, signal)
      if (billed === undefined) return
      for await (const services of ledger.live(connectionId, before)) {
        yield services.filter(({ service }) => !billed.has(service)).map(toDifference)
      }
    },
  }
}

function toDifference(service: LiveService): UnbilledDifference {
  return {
    class: 'unbilled',
    address: null,
    serviceId: service.service,
    ours: service,
    theirs: null,
    subject: `unbilled ${service.service}`,
  }
}
