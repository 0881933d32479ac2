import fc from 'fast-check'
import { expect } from 'vitest'
import { admin } from '../../helpers/api.ts'
import { startTestApp } from '../../helpers/app.ts'
import { command } from '../../helpers/cli.ts'
import { canary, type Door, expectNoSecret } from '../door.ts'
import { nastyText } from '../make/nasty.ts'

const groups = [
  'connection',
  'server',
  'pool',
  'service',
  'operation',
  'token',
  'webhook',
  'billing',
  'address',
]
const verbs = ['add', 'list', 'show', 'test', 'remove', 'change', 'retry', 'cancel', 'rotate']
const flags = [
  '--json',
  '--name',
  '--cidr',
  '--url',
  '--driver',
  '--panel',
  '--role',
  '--state',
  '--limit',
  '--cursor',
  '--file',
  '--reason',
  '--tls',
  '--options',
  '--nope',
  '--',
]
const words = [
  'v4',
  'node1',
  'hook',
  '192.0.2.0/24',
  'builtin',
  'memory',
  'admin',
  '/dev/null',
  '{"a":1}',
  'http://127.0.0.1:1/',
]

/** Commands that end by themselves, with whatever arguments. */
export async function openCommandLine() {
  const app = await startTestApp({ work: false })
  await app.desk.pools.add(admin, { name: 'v4', cidr: '192.0.2.0/24', connection: 'builtin' })
  await app.desk.servers.add(admin, { name: 'node1', panel: 'none', connection: 'builtin', password: canary })
  const env = { ...app.env, LOG_LEVEL: 'error' }

  async function enter(args: string[]): Promise<void> {
    const { code, out, err } = await command(args, env)
    const told = `${code} ${err.slice(0, 600)}`
    expect([0, 1, 2, 3], told).toContain(code)
    expect(err, told).not.toMatch(/ipbridge: internal|\n\s+at .*\(?(node:|\/)/)
    if (code === 1 || code === 2) expect(err.length).toBeGreaterThan(10)
    expectNoSecret(out + err)
  }

  const word = fc.oneof(
    { weight: 2, arbitrary: fc.constantFrom(...words) },
    { weight: 1, arbitrary: nastyText },
  )
  const rest = fc.array(fc.oneof(fc.constantFrom(...flags), word), { maxLength: 5 })
  const inputs = fc.oneof(
    fc
      .tuple(fc.constantFrom(...groups), fc.constantFrom(...verbs), rest)
      .map(([group, verb, more]) => [group, verb, ...more]),
    fc
      .tuple(fc.constantFrom('event', 'import', 'reconcile', 'doctor', 'secret', 'help', '--version'), rest)
      .map(([verb, more]) => [verb, ...more]),
  )
  const door: Door<string[]> = { name: 'Command lines', inputs, enter, share: 0.3 }
  return { door, app }
}
