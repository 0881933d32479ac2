import { checkInvariants, type Violation } from '../../src/domain/invariants.ts'
import type { Snapshot } from '../../src/domain/snapshot.ts'
import type { Sent } from './billing.ts'
import { judgeBilling } from './judge-billing.ts'
import { judgePanel, type PanelBooks } from './judge-panel.ts'

/** Everything that is known in the end, each from whoever wrote it down. */
export interface Evidence {
  /** The ledger, and what the IPAMs hold by their own books. */
  snapshot: Snapshot
  /** What billing was told. */
  account: readonly Sent[]
  /** What the panel has written down of all that ever changed in it. */
  panel: PanelBooks
  /** How often billing was told of one operation's end. */
  told: readonly { operation: string; type: string; times: number }[]
}

/** Says what must hold after all that happened, and does not. */
export function judge({ snapshot, account, panel, told }: Evidence): Violation[] {
  return [
    ...checkInvariants(snapshot, { quiet: true }),
    ...judgeBilling(account, snapshot),
    ...judgePanel(panel, snapshot),
    ...told
      .filter(({ type, times }) => type !== 'address.conflict' && times > 1)
      .map(({ operation, type, times }) => ({
        invariant: 5,
        message: `operation ${operation} told of its end ${times} times (${type})`,
      })),
  ]
}
