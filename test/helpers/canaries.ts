import { Redis } from 'ioredis'
import pg from 'pg'
import { createLog, type Log } from '../../src/log.ts'

// The passwords that the tests connect IPAMs, panels and billing cores with are canaries: whatever a test makes ipbridge
// say or store is searched for them, so that every test of the whole run is one about secrets, too.

/** What nobody may ever see again. What billing orders a guest to be set up with is not among it: that is passed on. */
export const canaries: readonly string[] = [
  'bill-password',
  'admin-password',
  'panel-password',
  'ipbridge-password',
  '6f1e0c1a-5b7c-4a53-9d1c-0a5d5f0c9b11',
  'correct horse battery staple',
  Buffer.alloc(32, 7).toString('base64'),
]

/** A bearer token: shown once, to who makes it, and neither stored nor logged. Those that tests make up are all `x`. */
const token = /ipb_(?=[\w-]*[A-Z])(?=[\w-]*[a-z])[\w-]{43}/

/** The canary that is in a text, if one is. */
export function canaryIn(text: string): string | undefined {
  return canaries.find(canary => text.includes(canary))
}

/** @throws where a canary is in what somebody is shown */
export function refuseCanaries(where: string, text: string): void {
  const canary = canaryIn(text)
  if (canary !== undefined)
    throw new Error(`${where} shows the secret ${JSON.stringify(canary)}: ${excerpt(text, canary)}`)
}

/** A log that is searched while it is written. @returns it, and what was found so far */
export function watchedLog(level = process.env['TEST_LOG_LEVEL']): { log: Log; leaks: string[] } {
  const leaks: string[] = []
  const write = (line: string) => {
    const secret = canaryIn(line) ?? token.exec(line)?.[0]
    if (secret !== undefined) leaks.push(`the log holds ${excerpt(line, secret)}`)
    if (level !== undefined) process.stderr.write(line)
  }
  return { log: createLog(level ?? 'debug', { write }), leaks }
}

/** Where canaries or tokens are in a database, the queue's own tables with the others. */
export async function leaksInDatabase(url: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query(
      `select format('%I.%I', schemaname, tablename) as name from pg_tables
       where schemaname not in ('pg_catalog', 'information_schema')`,
    )
    const pattern = [...canaries.map(literal), token.source].join('|')
    const leaks: string[] = []
    for (const { name } of rows) {
      const found = await client.query(`select t::text as text from ${name} t where t::text ~ $1 limit 1`, [
        pattern,
      ])
      for (const { text } of found.rows) {
        leaks.push(`${name} holds ${excerpt(text, new RegExp(pattern).exec(text)?.[0] ?? '')}`)
      }
    }
    return leaks
  } finally {
    await client.end()
  }
}

/** Where canaries or tokens are in a queue on Redis. @param url with the prefix that its keys begin with */
export async function leaksInRedis(url: string): Promise<string[]> {
  const prefix = new URL(url).searchParams.get('prefix') ?? ''
  const redis = new Redis(url.replace(/\?.*/, ''))
  try {
    const leaks: string[] = []
    for await (const keys of redis.scanStream({ match: `${prefix}*`, count: 1_000 })) {
      for (const key of keys as string[]) {
        const text = `${key} ${JSON.stringify(await contentOf(redis, key))}`
        const secret = canaryIn(text) ?? token.exec(text)?.[0]
        if (secret !== undefined) leaks.push(`Redis holds ${excerpt(text, secret)}`)
      }
    }
    return leaks
  } finally {
    redis.disconnect()
  }
}

async function contentOf(redis: Redis, key: string): Promise<unknown> {
  switch (await redis.type(key)) {
    case 'hash':
      return redis.hgetall(key)
    case 'list':
      return redis.lrange(key, 0, -1)
    case 'set':
      return redis.smembers(key)
    case 'zset':
      return redis.zrange(key, 0, -1)
    case 'stream':
      return redis.xrange(key, '-', '+')
    default:
      return redis.get(key)
  }
}

function excerpt(text: string, secret: string): string {
  const at = text.indexOf(secret)
  return text.slice(Math.max(0, at - 80), at + secret.length + 20)
}

const literal = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
