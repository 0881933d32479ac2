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
    remark: maybeText,
    createdAt: time,
    endedAt: maybeTime,
    appliedAt: maybeTime,
  })
  .meta({ id: 'Plan' })

const finding = z.object({
  id: text,
  class: text,
  address: text,
  service: maybeText,
  ours: z.unknown(),
  theirs: z.unknown(),
  action: text,
  streak: z.int(),
  operation: maybeText,
})

export const planWithFindings = plan.extend({ findings: z.array(finding) }).meta({ id: 'PlanWithFindings' })
