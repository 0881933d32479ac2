import { createHash } from 'node:crypto'
import stringify from 'safe-stable-stringify'

/** As much of a finding as the hash of its plan speaks of. */
export interface HashedFinding {
  subject: string
  action: string
  decision: string
  ours: unknown
  theirs: unknown
}

/**
 * Identifies a plan by what it says, so that what is applied is what was reviewed. The findings go in one by one,
 * in the order of their subjects.
 */
export function createPlanHash(connection: string) {
  const hash = createHash('sha256').update(connection)
  return {
    add({ subject, action, decision, ours, theirs }: HashedFinding): void {
      const said = decision === 'ignore' ? 'ignore' : action
      hash.update(`\n${stringify([subject, said, ours, theirs])}`)
    },
    digest: (): string => hash.digest('hex').slice(0, 16),
  }
}
