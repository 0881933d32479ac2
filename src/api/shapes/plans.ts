import { z } from 'zod'
import { maybeText, maybeTime, text, time } from './common.ts'

export const plan = z
  .object({
    id: text,
    connection: text,
    operation: maybeText,
    hash: maybeText,
    state: text,
    counts: z.record(z.string(), z.int()),
    compared: z.int(),
    total: z.int(),
    changes: z.record(z.string(), z.int()),
    policies: z.record(z.string(), z.string()),
    previous: maybeText,
    remark: maybeText,
    createdAt: time,
    endedAt: maybeTime,
    appliedAt: maybeTime,
  })
  .meta({ id: 'Plan' })

export const finding = z.object({
  id: text,
  class: text,
  address: maybeText,
  service: maybeText,
  ours: z.unknown(),
  theirs: z.unknown(),
  action: text,
  decision: text,
  change: text,
  streak: z.int(),
  note: maybeText,
  operation: maybeText,
})

export const planWithFindings = plan
  .extend({ findings: z.array(finding), findingsNext: maybeText })
  .meta({ id: 'PlanWithFindings' })
