import { createHash } from 'node:crypto'
import { z } from 'zod'

const longestLabel = 40

/** How guests are named, as a server's option `name`. The service is in it, so that each service's guest has its own. */
export const nameTemplate = z
  .string()
  .regex(
    /^(?=.*\{service\})(?:[A-Za-z0-9.-]|\{service\}|\{domain\})+$/,
    'must be letters, digits, dots, hyphens, {service} (which it needs) and {domain}',
  )

/**
 * The name by which a service's guest is found again. Always the same for one service, and never the same for two:
 * an id that is not letters, digits and hyphens already, or is long, is told apart by a hash.
 */
export function guestName(template: string, { id, domain }: { id: string; domain: string }): string {
  const plain = id
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
  const hash = createHash('sha256').update(id).digest('hex').slice(0, 8)
  const label =
    plain === id && id.length <= longestLabel
      ? id
      : [plain.slice(0, longestLabel), hash].filter(Boolean).join('-')
  return template.replaceAll('{service}', label).replaceAll('{domain}', domain)
}
