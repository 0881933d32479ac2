import { describe, expect, it } from 'vitest'
import { parseRedisUrl } from '../../src/queue/redis-url.ts'

const single = { mode: 'single', tls: false, db: 0, prefix: 'bull' }

describe('A Redis URL', () => {
  it.each([
    ['redis://localhost', { ...single, nodes: [{ host: 'localhost', port: 6379 }] }],
    ['redis://127.0.0.1:6380/', { ...single, nodes: [{ host: '127.0.0.1', port: 6380 }] }],
    ['redis://[::1]:6380/3', { ...single, nodes: [{ host: '::1', port: 6380 }], db: 3 }],
    [
      'rediss://redis.example.net',
      { ...single, nodes: [{ host: 'redis.example.net', port: 6379 }], tls: true },
    ],
    ['redis://h?prefix=eu-1', { ...single, nodes: [{ host: 'h', port: 6379 }], prefix: 'eu-1' }],
    [
      'redis+sentinel://a,b:26380/main/2',
      {
        mode: 'sentinel',
        nodes: [
          { host: 'a', port: 26_379 },
          { host: 'b', port: 26_380 },
        ],
        master: 'main',
        tls: false,
        db: 2,
        prefix: 'bull',
      },
    ],
    [
      'rediss+cluster://a,b:6380?prefix=eu',
      {
        mode: 'cluster',
        nodes: [
          { host: 'a', port: 6379 },
          { host: 'b', port: 6380 },
        ],
        tls: true,
        db: 0,
        prefix: '{eu}',
      },
    ],
  ])('%s is understood', (url, target) => {
    expect(parseRedisUrl(url)).toEqual(target)
  })

  it.each([
    ['redis://user:secret@h', { username: 'user', password: 'secret' }],
    ['redis://:secret@h', { password: 'secret' }],
    ['redis://secret@h', { password: 'secret' }],
    ['redis://user:a%40b%2Fc%3Ad@h', { username: 'user', password: 'a@b/c:d' }],
    ['redis://user:a:b@h', { username: 'user', password: 'a:b' }],
    ['redis://@h', {}],
  ])('%s has the sign-in %j', (url, login) => {
    const { username, password } = parseRedisUrl(url) ?? {}
    expect({ username, password }).toEqual({ username: undefined, password: undefined, ...login })
  })

  it.each([
    '',
    'localhost:6379',
    'http://localhost',
    'redis://',
    'redis://h:0',
    'redis://h:65536',
    'redis://h:port',
    'redis://a,b',
    'redis://h/-1',
    'redis://h/1e3',
    'redis://h/0x10',
    'redis://h/one',
    'redis://h/0/more',
    'redis://user:%zz@h',
    'redis://user:%ff@h',
    'redis://h?prefix=a b',
    'redis://h?prefix={x}',
    'redis://h?other=1',
    'redis://a b',
    'redis+sentinel://h',
    'redis+sentinel://h/main/x',
    'redis+cluster://h/1',
    'redis+pool://h',
  ])('%j is not one', url => {
    expect(parseRedisUrl(url)).toBeUndefined()
  })
})
