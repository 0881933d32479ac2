import type { Prisma, Transaction } from '../db/client.ts'
import { withoutSecrets } from './secrets.ts'

export const roles = ['admin', 'operator', 'billing', 'client', 'viewer'] as const
export type Role = (typeof roles)[number]

/** Who asks for something. */
export interface Actor {
  /** As it stands in the audit: a token's name, or `cli:<user>`. */
  name: string
  role: Role
  /** For the role `client`: whose services these are. */
  client?: string
  /** The network address that the request came from. */
  remote?: string
}

/** What an audit entry says. */
export interface AuditNote {
  /** Such as `pool.add`. */
  action: string
  /** Such as `pool:vps-eu`. */
  subject: string
  reason?: string | undefined
  /** What changed, without secrets. */
  change?: Record<string, unknown>
}

/** Writes who did what, when and why, in the transaction that does it. */
export async function audit(tx: Transaction, actor: Actor, note: AuditNote): Promise<void> {
  await tx.auditEntry.create({
    data: {
      actor: actor.name,
      role: actor.role,
      action: note.action,
      subject: note.subject,
      reason: note.reason ?? null,
      change: withoutSecrets(note.change ?? {}) as Prisma.InputJsonObject,
      remote: actor.remote ?? null,
    },
  })
}
