import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import { IpbridgeError } from '../../src/errors.ts'

const key = (fill: number) => Buffer.alloc(32, fill).toString('base64')
const own = {
  DATABASE_URL: 'postgres://me:hidden-password@db.example.net:5432/ipbridge',
  IPBRIDGE_SECRET: key(1),
}

/** What a configuration is refused with. */
function complaint(env: Record<string, string>): string {
  try {
    loadConfig(env)
  } catch (error) {
    if (error instanceof IpbridgeError && error.code === 'invalid_configuration') return error.message
    throw error
  }
  throw new Error('it was not refused')
}

describe('The configuration', () => {
  it('works with nothing at all', () => {
    expect(loadConfig({})).toEqual({
      databaseUrl: undefined,
      redisUrl: undefined,
      dataDir: resolve('.data'),
      secrets: [],
      host: '127.0.0.1',
      port: 3000,
      logLevel: 'info',
      nightly: { hour: 3, minute: 0, tz: 'Etc/UTC' },
      maxBacklog: 100_000,
    })
  })

  it('takes every variable, and ignores those of others', () => {
    expect(
      loadConfig({
        ...own,
        REDIS_URL: 'rediss://h',
        IPBRIDGE_DATA_DIR: '/var/lib/x',
        HOST: '::',
        PORT: '8080',
        LOG_LEVEL: 'debug',
        IPBRIDGE_RECONCILE_AT: '23:45',
        IPBRIDGE_RECONCILE_TZ: 'Europe/Berlin',
        IPBRIDGE_MAX_BACKLOG: '5000',
        PATH: '/bin',
      }),
    ).toEqual({
      databaseUrl: own.DATABASE_URL,
      redisUrl: 'rediss://h',
      dataDir: '/var/lib/x',
      secrets: [Buffer.alloc(32, 1)],
      host: '::',
      port: 8080,
      logLevel: 'debug',
      nightly: { hour: 23, minute: 45, tz: 'Europe/Berlin' },
      maxBacklog: 5_000,
    })
  })

  it('knows no night where reconciliation is off', () => {
    expect(loadConfig({ IPBRIDGE_RECONCILE_AT: 'off' }).nightly).toBeUndefined()
  })

  it('takes an empty variable for one that is not set', () => {
    expect(loadConfig({ DATABASE_URL: '', PORT: '', LOG_LEVEL: '' })).toEqual(loadConfig({}))
  })

  it('cannot be changed afterwards', () => {
    const config = loadConfig(own)
    expect(() => Object.assign(config, { port: 1 })).toThrow(TypeError)
    expect(() => (config.secrets as Buffer[]).push(Buffer.alloc(32))).toThrow(TypeError)
  })

  it.each(['127.0.0.1', '0.0.0.0', '::', '::1', 'fe80::1%eth0', 'localhost', 'api.internal', 'my_host-1'])(
    'listens on %s',
    HOST => {
      expect(loadConfig({ HOST }).host).toBe(HOST)
    },
  )

  it.each(['0', '1', '65535'])('listens on port %s', PORT => {
    expect(loadConfig({ PORT }).port).toBe(Number(PORT))
  })

  it('takes several keys, the first of which seals', () => {
    const { secrets } = loadConfig({ IPBRIDGE_SECRET: ` ${key(1)} , ${key(2)}, ` })
    expect(secrets).toEqual([Buffer.alloc(32, 1), Buffer.alloc(32, 2)])
  })
})

describe('A bad variable is named, with what it got and what it takes:', () => {
  it.each([
    ['PORT', '65536', 'a port number from 0 to 65535'],
    ['PORT', '-1', 'a port number from 0 to 65535'],
    ['PORT', '3000.5', 'a port number from 0 to 65535'],
    ['PORT', 'http', 'a port number from 0 to 65535'],
    ['PORT', '0x50', 'a port number from 0 to 65535'],
    ['HOST', 'http://127.0.0.1', 'an address or host name to listen on, such as 127.0.0.1, :: or localhost'],
    ['HOST', '127.0.0.1:3000', 'an address or host name to listen on, such as 127.0.0.1, :: or localhost'],
    ['HOST', ' ', 'an address or host name to listen on, such as 127.0.0.1, :: or localhost'],
    ['LOG_LEVEL', 'loud', 'trace, debug, info, warn, error or silent'],
    ['LOG_LEVEL', 'INFO', 'trace, debug, info, warn, error or silent'],
    ['IPBRIDGE_RECONCILE_AT', '24:00', 'a time of day such as 03:00, or off'],
    ['IPBRIDGE_RECONCILE_AT', '3:00', 'a time of day such as 03:00, or off'],
    ['IPBRIDGE_RECONCILE_TZ', 'Berlin', 'the name of a time zone, such as Etc/UTC or Europe/Berlin'],
    ['IPBRIDGE_DATA_DIR', 'a\0b', 'the path of a folder'],
    ['IPBRIDGE_MAX_BACKLOG', '0', 'a whole number from 1 to 999999999'],
    ['IPBRIDGE_MAX_BACKLOG', '1e6', 'a whole number from 1 to 999999999'],
  ])('%s=%j', (name, value, takes) => {
    expect(complaint({ [name]: value })).toBe(`${name} is ${JSON.stringify(value)}: it takes ${takes}`)
  })

  it.each([
    ['DATABASE_URL', 'mysql://me:hidden@h/db', 'postgres://user:password@host:port/database'],
    ['DATABASE_URL', 'db.example.net hidden', 'postgres://user:password@host:port/database'],
    ['DATABASE_URL', 'postgres://', 'postgres://user:password@host:port/database'],
    ['REDIS_URL', 'http://hidden@h', 'redis://host:6379'],
    ['REDIS_URL', 'redis://user:hidden%@h', 'redis://host:6379'],
    ['IPBRIDGE_SECRET', 'hidden', '32 bytes in base64'],
    ['IPBRIDGE_SECRET', Buffer.alloc(31).toString('base64'), '32 bytes in base64'],
    ['IPBRIDGE_SECRET', Buffer.alloc(33).toString('base64'), '32 bytes in base64'],
    ['IPBRIDGE_SECRET', Buffer.alloc(32).toString('hex'), '32 bytes in base64'],
    ['IPBRIDGE_SECRET', `${key(1)},hidden`, '32 bytes in base64'],
    ['IPBRIDGE_SECRET', `!!${key(1)}!!`, '32 bytes in base64'],
    ['IPBRIDGE_SECRET', ' , ', '32 bytes in base64'],
  ])('%s, whose value is not shown: %j', (name, value, takes) => {
    const text = complaint({ ...own, [name]: value })
    expect(text).toContain(`${name} is a value that cannot be used (not shown): it takes ${takes}`)
    expect(text).not.toContain('hidden')
    expect(text).not.toContain(key(1))
  })

  it('all of them at once', () => {
    expect(complaint({ PORT: 'x', LOG_LEVEL: 'y' }).split('\n')).toHaveLength(2)
  })

  it('IPBRIDGE_SECRET where it is missing beside a database of one’s own', () => {
    expect(complaint({ DATABASE_URL: own.DATABASE_URL })).toBe(
      'IPBRIDGE_SECRET is not set; with a DATABASE_URL of your own it is required, to encrypt stored credentials: make one with: openssl rand -base64 32',
    )
  })

  it('and the help on secrets makes one that is accepted', () => {
    const made = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64')
    expect(loadConfig({ ...own, IPBRIDGE_SECRET: made }).secrets).toHaveLength(1)
  })
})
