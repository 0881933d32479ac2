import { describe, expect, it } from 'vitest'
import { backend, testSecret } from '../../helpers/app.ts'
import { ipbridge } from '../../helpers/cli.ts'

// Whoever is refused here is refused before any queue is asked, so one of the two runs is enough.
const once = describe.skipIf(backend === 'redis')

once('Whoever uses the command line in a wrong way', () => {
  it('is told what is accepted, on standard error, with exit code 2', async () => {
    const { code, out, err } = await ipbridge(['pool', 'add', '--nope'])
    expect(code).toBe(2)
    expect(out).toBe('')
    expect(err).toContain("unknown option '--nope'")
    expect(err).toContain('--quarantine-seconds <number>')
  })

  it('is told which fields a file may have', async () => {
    const input = JSON.stringify({ name: 'node1', pannel: 'none' })
    const { code, err } = await ipbridge(['server', 'add', '--file', '-'], { input })
    expect(code).toBe(2)
    expect(err).toContain('pannel is not a known field')
    expect(err).toContain('accepted are name, panel, url')
  })

  it('is told which variable of the environment is wrong, and does not see a secret again', async () => {
    const env = { DATABASE_URL: 'mysql://user:canary@host/db', IPBRIDGE_SECRET: 'canary', PORT: 'http' }
    const { code, err } = await ipbridge(['pool', 'list'], { env })
    expect(code).toBe(2)
    expect(err).toContain('DATABASE_URL is a value that cannot be used (not shown)')
    expect(err).toContain('PORT is "http": it takes a port number')
    expect(err).not.toContain('canary')
  })
})

once('Whoever wants to learn the command line', () => {
  it('finds help and the version, with exit code 0', async () => {
    const [help, flags, version] = await Promise.all([
      ipbridge(['--help']),
      ipbridge(['connection', 'add', '--help']),
      ipbridge(['--version']),
    ])
    expect([help.code, flags.code, version.code]).toEqual([0, 0, 0])
    for (const command of ['start', 'api', 'worker', 'migrate', 'doctor', 'event', 'reconcile', 'token']) {
      expect(help.out).toMatch(new RegExp(`^ {2}${command}\\b`, 'm'))
    }
    expect(flags.out).toContain('--password-stdin')
    expect(flags.out).toContain('--max-concurrent <number>')
    expect(version.out).toMatch(/^\d+\.\d+\.\d+\n$/)
  })
})

once('A database that does not answer', () => {
  it('is said so, without a stack and without its password', async () => {
    const env = { DATABASE_URL: 'postgres://user:canary@127.0.0.1:1/db', IPBRIDGE_SECRET: testSecret }
    const { code, err } = await ipbridge(['pool', 'list'], { env })
    expect(code).toBe(1)
    expect(err).toContain('ipbridge: unavailable: the database does not answer')
    expect(err).not.toContain('canary')
    expect(err).not.toContain('    at ')
  })
})
