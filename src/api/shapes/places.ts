import { z } from 'zod'
import { maybeText, settings, text, time } from './common.ts'

const common = {
  tls: settings,
  options: settings,
  secretsSet: z.array(text),
  createdAt: time,
  updatedAt: time,
}

export const connection = z
  .object({
    name: text,
    driver: text,
    url: maybeText,
    login: maybeText,
    adminlogin: maybeText,
    hiddentypes: z.array(text),
    conflictPtr: text,
    addressSpace: text,
    maxConcurrent: z.int().nullable(),
    problem: z.object({ code: text, message: text, since: text }).nullable(),
    warnings: z.array(text),
    ...common,
  })
  .meta({ id: 'Connection' })

export const server = z
  .object({ name: text, panel: text, url: maybeText, login: maybeText, connection: text, ...common })
  .meta({ id: 'Server' })

const fill = { total: text, used: z.int(), quarantined: z.int(), free: text }

export const check = z
  .object({
    ok: z.boolean(),
    version: text.optional(),
    pools: z.array(z.object({ name: text, ...fill })).optional(),
    remarks: z.array(text),
  })
  .meta({ id: 'Check' })

export const pool = z
  .object({
    name: text,
    cidr: text,
    gateway: maybeText,
    exclude: z.array(text),
    priority: z.int(),
    quarantineSeconds: z.int(),
    lowWater: z.int(),
    connection: text,
    addressSpace: text,
    ...fill,
    low: z.boolean(),
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'Pool' })
