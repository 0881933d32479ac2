import { isIP } from 'node:net'
import { resolve } from 'node:path'
import { z } from 'zod'
import type { NightlySchedule } from './domain/night.ts'
import { IpbridgeError } from './errors.ts'
import { parseRedisUrl } from './queue/redis-url.ts'

/** What the environment says, checked once and frozen. */
export interface Config {
  /** unset: an embedded PostgreSQL under the data folder */
  databaseUrl: string | undefined
  /** unset: the queue rides in PostgreSQL */
  redisUrl: string | undefined
  dataDir: string
  /** 32-byte keys: the first one encrypts, all of them decrypt. Empty in embedded mode: see src/db/secret.ts */
  secrets: readonly Buffer[]
  host: string
  port: number
  logLevel: string
  /** undefined: no nightly reconciliation */
  nightly: Readonly<NightlySchedule> | undefined
  /** how many operations may wait for a worker before events are refused */
  maxBacklog: number
}

const secretHelp = 'make one with: openssl rand -base64 32'

const environment = z.object({
  DATABASE_URL: z
    .string()
    .refine(isPostgresUrl, 'takes postgres://user:password@host:port/database')
    .optional(),
  REDIS_URL: z
    .string()
    .refine(
      isRedisUrl,
      'takes redis://host:6379, rediss://…, redis+sentinel://host:26379,host:26379/master-name or redis+cluster://host:6379,host:6379',
    )
    .optional(),
  IPBRIDGE_DATA_DIR: z
    .string()
    .regex(/^[^\0]+$/, 'takes the path of a folder')
    .default('.data'),
  IPBRIDGE_SECRET: z
    .string()
    .refine(isSecret, `takes 32 bytes in base64, or several such keys separated by commas; ${secretHelp}`)
    .optional(),
  HOST: z
    .string()
    .refine(isHost, 'takes an address or host name to listen on, such as 127.0.0.1, :: or localhost')
    .default('127.0.0.1'),
  PORT: z
    .string()
    .refine(text => /^\d{1,5}$/.test(text) && Number(text) <= 65_535, 'takes a port number from 0 to 65535')
    .default('3000'),
  IPBRIDGE_RECONCILE_AT: z
    .string()
    .refine(text => text === 'off' || timeOfDay.test(text), 'takes a time of day such as 03:00, or off')
    .default('03:00'),
  IPBRIDGE_RECONCILE_TZ: z
    .string()
    .refine(isTimeZone, 'takes the name of a time zone, such as Etc/UTC or Europe/Berlin')
    .default('Etc/UTC'),
  IPBRIDGE_MAX_BACKLOG: z
    .string()
    .refine(text => /^[1-9]\d{0,8}$/.test(text), 'takes a whole number from 1 to 999999999')
    .default('100000'),
  LOG_LEVEL: z
    .enum(
      ['trace', 'debug', 'info', 'warn', 'error', 'silent'],
      'takes trace, debug, info, warn, error or silent',
    )
    .default('info'),
})

const timeOfDay = /^([01]\d|2[0-3]):([0-5]\d)$/

const secretVariables = new Set(['IPBRIDGE_SECRET', 'DATABASE_URL', 'REDIS_URL'])

/**
 * Reads the configuration from environment variables. Empty counts as unset.
 * @throws invalid_configuration naming each bad variable, what it got and what it takes
 */
export function loadConfig(env: Record<string, string | undefined>): Config {
  const given = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ''),
  )
  const parsed = environment.safeParse(given)
  if (!parsed.success) {
    throw new IpbridgeError(
      'invalid_configuration',
      parsed.error.issues.map(issue => complain(issue, given)).join('\n'),
    )
  }
  const vars = parsed.data
  if (vars.DATABASE_URL !== undefined && vars.IPBRIDGE_SECRET === undefined) {
    throw new IpbridgeError(
      'invalid_configuration',
      `IPBRIDGE_SECRET is not set; with a DATABASE_URL of your own it is required, to encrypt stored credentials: ${secretHelp}`,
    )
  }
  return Object.freeze({
    databaseUrl: vars.DATABASE_URL,
    redisUrl: vars.REDIS_URL,
    dataDir: resolve(vars.IPBRIDGE_DATA_DIR),
    secrets: Object.freeze(readSecrets(vars.IPBRIDGE_SECRET ?? '')),
    host: vars.HOST,
    port: Number(vars.PORT),
    logLevel: vars.LOG_LEVEL,
    nightly: nightlyOf(vars.IPBRIDGE_RECONCILE_AT, vars.IPBRIDGE_RECONCILE_TZ),
    maxBacklog: Number(vars.IPBRIDGE_MAX_BACKLOG),
  })
}

/** Keys in base64, separated by commas; see {@link isSecret}. */
export function readSecrets(text: string): Buffer[] {
  return partsOf(text).map(part => Buffer.from(part, 'base64'))
}

function partsOf(text: string): string[] {
  return text
    .split(',')
    .map(part => part.trim())
    .filter(part => part !== '')
}

/** 32 bytes in base64: Buffer would pass over what is not, and make a key of what is left. */
const key = /^[A-Za-z0-9+/_-]{43}=?$/

/** Whether this is one key of 32 bytes in base64, or several with commas between them. */
export function isSecret(text: string): boolean {
  const keys = partsOf(text)
  return keys.length > 0 && keys.every(part => key.test(part))
}

function nightlyOf(at: string, tz: string): Readonly<NightlySchedule> | undefined {
  const [, hour, minute] = timeOfDay.exec(at) ?? []
  return hour === undefined ? undefined : Object.freeze({ hour: Number(hour), minute: Number(minute), tz })
}

function isTimeZone(text: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }) !== undefined
  } catch {
    return false
  }
}

function isPostgresUrl(text: string): boolean {
  return /^postgres(ql)?:\/\/\S+$/.test(text) && URL.canParse(text)
}

function isHost(text: string): boolean {
  return isIP(text) !== 0 || /^[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?$/.test(text)
}

function isRedisUrl(text: string): boolean {
  return parseRedisUrl(text) !== undefined
}

function complain(issue: z.core.$ZodIssue, given: Record<string, unknown>): string {
  const name = String(issue.path[0])
  const got = secretVariables.has(name)
    ? 'a value that cannot be used (not shown)'
    : JSON.stringify(given[name])
  return `${name} is ${got}: it ${issue.message}`
}
