import { describe, expect, it } from 'vitest'
import { command } from '../helpers/cli.ts'

describe('Whoever uses the command line in a wrong way', () => {
  it.each([
    { args: ['nope'], says: ["unknown command 'nope'", 'reconcile'] },
    { args: ['pool', 'nope'], says: ["unknown command 'nope'", 'remove'] },
    { args: ['pool', 'add', '--nope', '1'], says: ["unknown option '--nope'", '--quarantine-seconds'] },
    { args: ['pool', 'show'], says: ["missing required argument 'name'"] },
    { args: ['worker', '--only', 'ptr,nope'], says: ['nope is none of allocate, release, ptr, reconcile'] },
    { args: ['worker', '--concurrency', '0'], says: ['a whole number from 1 to 1000'] },
    { args: ['event'], says: ['give a type of event (service.created,'] },
    { args: ['event', 'ptr.changed', '--wait', 'long'], says: ['a whole number of seconds'] },
    { args: ['event', '--file', '/nowhere/e.ndjson'], says: ['/nowhere/e.ndjson cannot be read: ENOENT'] },
    { args: ['event', '--file', '-', '--id', '7'], says: ['--file brings whole events with it'] },
    { args: ['operation', 'list', '--state', 'odd'], says: ['--state must be "queued", "running"'] },
    { args: ['audit', 'list', '--limit', '5000'], says: ['--limit must be at most 1000'] },
    {
      args: ['token', 'add', '--role', 'client', '--name', 'x'],
      says: ['--client is needed for the role client'],
    },
    { args: ['server', 'add', '--name', 'n', '--options', '{pools}'], says: ['--options takes JSON'] },
    {
      args: ['server', 'add', '--name', 'n', '--password', 'canary', '--password-env', 'HOME'],
      says: ['give --password, --password-stdin or --password-env, and only one of them'],
    },
    {
      args: ['pool', 'add', '--name', 'no spaces', '--priority', 'high'],
      says: ['--name must be 1 to 63 letters', '--cidr is missing', '--priority must be a number, not text'],
    },
  ])('is told what is accepted, with exit code 2: $args', async ({ args, says }) => {
    const { code, out, err } = await command(args, { HOME: '/root' })
    expect({ code, out }).toEqual({ code: 2, out: '' })
    for (const text of says) expect(err).toContain(text)
    expect(err).not.toContain('canary')
  })
})
