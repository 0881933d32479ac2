import { Resolver } from 'node:dns/promises'
import { type Address, AddressError, canonicalAddress, familyOf } from '../domain/address.ts'
import type { ForwardVerdict } from '../domain/forward-check.ts'
import type { Hostname } from '../domain/hostname.ts'

export type LookForward = ReturnType<typeof createForwardLook>

/** DNS says for certain that there is no such name, or that it has no address of the family. */
const nothingThere: ReadonlySet<string> = new Set(['ENOTFOUND', 'ENODATA'])

/**
 * Asks DNS where a name leads: its A or AAAA records, as the address's family is.
 * @param options.servers name servers as `address` or `address:port`; default: those of the system
 * @param options.timeoutMs for one try, of two; default: 3 seconds
 */
export function createForwardLook(options: { servers?: readonly string[]; timeoutMs?: number } = {}) {
  const { servers, timeoutMs = 3_000 } = options

  return async (name: Hostname, address: Address, signal: AbortSignal): Promise<ForwardVerdict> => {
    signal.throwIfAborted()
    // One for each question: cancelling ends all questions of a resolver.
    const resolver = new Resolver({ timeout: timeoutMs, tries: 2 })
    if (servers) resolver.setServers(servers)
    const cancel = () => resolver.cancel()
    signal.addEventListener('abort', cancel, { once: true })
    try {
      const found = familyOf(address) === 6 ? await resolver.resolve6(name) : await resolver.resolve4(name)
      return found.some(text => isSame(text, address)) ? 'confirmed' : 'leads elsewhere'
    } catch (error) {
      signal.throwIfAborted()
      const { code = '' } = error as NodeJS.ErrnoException
      return nothingThere.has(code) ? 'leads elsewhere' : 'no answer'
    } finally {
      signal.removeEventListener('abort', cancel)
    }
  }
}

function isSame(text: string, address: Address): boolean {
  try {
    return canonicalAddress(text) === address
  } catch (error) {
    // An IPv4 address mapped into IPv6, for example: it is not the one that we look for.
    if (error instanceof AddressError) return false
    throw error
  }
}
