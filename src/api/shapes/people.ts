import { z } from 'zod'
import { roles } from '../../desk/actor.ts'
import { maybeText, maybeTime, text, time } from './common.ts'

export const token = z
  .object({
    id: text,
    name: text,
    role: z.enum(roles),
    client: maybeText,
    createdAt: time,
    expiresAt: maybeTime,
    lastUsedAt: maybeTime,
    revokedAt: maybeTime,
  })
  .meta({ id: 'Token' })

export const newToken = token
  .extend({ token: text.meta({ description: 'shown this once' }) })
  .meta({ id: 'NewToken' })

export const auditEntry = z
  .object({
    id: text,
    at: time,
    actor: text,
    role: text,
    action: text,
    subject: text,
    reason: maybeText,
    change: z.unknown(),
    remote: maybeText,
  })
  .meta({ id: 'AuditEntry' })

export const whoIAm = z.object({ name: text, role: z.enum(roles), client: maybeText }).meta({ id: 'WhoIAm' })
