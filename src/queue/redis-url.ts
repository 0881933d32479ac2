/** Where Redis is, by whichever of its three set-ups. */
export interface RedisTarget {
  mode: 'single' | 'sentinel' | 'cluster'
  nodes: { host: string; port: number }[]
  tls: boolean
  username?: string
  password?: string
  db: number
  /** Sentinel only: the name under which the sentinels know the master. */
  master?: string
  /** The prefix of every key; default: BullMQ's own, in a cluster as a hash tag. */
  prefix: string
}

const pattern =
  /^(rediss?)(?:\+(sentinel|cluster))?:\/\/(?:([^@/]*)@)?([^/?]+)(\/[^?]*)?(?:\?prefix=([A-Za-z0-9_-]+))?$/

/**
 * Understands `redis://[user:password@]host[:port][/db]`, the same with `rediss` for TLS,
 * `redis+sentinel://host[:port],host[:port]/master[/db]` and `redis+cluster://host[:port],host[:port]`.
 * `?prefix=name` keeps several installations on one Redis apart.
 *
 * @returns undefined for anything else
 */
export function parseRedisUrl(text: string): RedisTarget | undefined {
  const match = pattern.exec(text)
  if (!match) return undefined
  const [, scheme, mode = 'single', login, hosts = '', path = '', prefix] = match
  const nodes = hosts.split(',').map(host => parseNode(host, mode === 'sentinel' ? 26_379 : 6379))
  const parts = path.split('/').filter(part => part !== '')
  const master = mode === 'sentinel' ? parts.shift() : undefined
  const db = parts.shift() ?? '0'
  const who = credentials(login)
  const wellFormed =
    nodes.every(node => node !== undefined) &&
    /^\d{1,5}$/.test(db) &&
    parts.length === 0 &&
    (mode !== 'sentinel' || master !== undefined) &&
    (mode !== 'cluster' || Number(db) === 0) &&
    (mode !== 'single' || nodes.length === 1)
  if (!wellFormed || who === undefined) return undefined
  const name = prefix ?? 'bull'
  return {
    mode: mode as RedisTarget['mode'],
    nodes: nodes.filter(node => node !== undefined),
    tls: scheme === 'rediss',
    ...who,
    db: Number(db),
    ...(master === undefined ? {} : { master }),
    // In a cluster all keys of a queue must live in one hash slot.
    prefix: mode === 'cluster' ? `{${name}}` : name,
  }
}

function parseNode(text: string, defaultPort: number): { host: string; port: number } | undefined {
  const match = /^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?$/.exec(text)
  const port = Number(match?.[2] ?? defaultPort)
  if (!match?.[1] || port < 1 || port > 65_535) return undefined
  return { host: match[1].replace(/^\[|\]$/g, ''), port }
}

/** @returns undefined where a `%` is not followed by what it stands for */
function credentials(login = ''): { username?: string; password?: string } | undefined {
  if (login === '') return {}
  const parts = login.split(':').map(decoded)
  if (parts.includes(undefined)) return undefined
  const [first = '', ...rest] = parts
  if (rest.length === 0) return { password: first }
  const password = rest.join(':')
  return first === '' ? { password } : { username: first, password }
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
