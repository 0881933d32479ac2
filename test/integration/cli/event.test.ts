import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { furnish } from '../../helpers/api.ts'
import { queueMissing, startTestApp, type TestApp } from '../../helpers/app.ts'
import { command, ipbridge } from '../../helpers/cli.ts'
import { events } from '../../helpers/events.ts'

const created = (id: string, server = 'node1') => [
  ...['event', 'service.created', `service.id=${id}`, 'service.kind=vps', 'service.client=c1'],
  ...[`service.domain=${id}.example.net`, `service.server=${server}`],
]

describe.skipIf(queueMissing)('Events from the command line', () => {
  let app: TestApp

  // Nobody works on the queue: what is waited for, the command does itself.
  beforeAll(async () => {
    app = await startTestApp({ work: false })
    await furnish(app, '10.0.0.0/16')
  })
  afterAll(() => app.shutDown())

  const run = (args: string[]) => command(args, app.env)

  it('are taken in from arguments, once', async () => {
    const [first, again, other] = [
      await run([...created('a1'), '--id', 'e1', '--source', '/test', '--json']),
      await run([...created('a1'), '--id', 'e1', '--source', '/test', '--json']),
      await run([...created('a2'), '--id', 'e1', '--source', '/test']),
    ]
    const receipt = { source: '/test', id: 'e1', operations: [expect.any(String)] }
    expect(JSON.parse(first.out)).toEqual({
      accepted: 1,
      duplicates: 0,
      events: [{ ...receipt, status: 'accepted' }],
    })
    expect(JSON.parse(again.out)).toMatchObject({
      accepted: 0,
      duplicates: 1,
      events: [{ status: 'duplicate' }],
    })
    expect(other.code).toBe(1)
    expect(other.err).toContain('event_conflict')
  })

  it('are waited for, and done here when no worker takes them up', async () => {
    const { code, out } = await run([
      ...created('b1'),
      'addresses.0.family=ipv4',
      'addresses.0.count=2',
      '--wait',
      '60',
    ])
    expect(code).toBe(0)
    expect(out).toMatch(
      /: done\n {2}10\.0\.\d+\.\d+ {2}active {2}b1\.example\.net\n {2}10\.0\.\d+\.\d+ {2}active/,
    )
  })

  it('that cannot be done say why, with exit code 1', async () => {
    const { code, out } = await run([...created('b2'), 'addresses.0.family=ipv6', '--wait', '60', '--json'])
    expect(code).toBe(1)
    expect(JSON.parse(out).events).toMatchObject([{ state: 'failed', errors: [{ code: 'no_such_pool' }] }])
  })

  it('that are refused name the field, with exit code 2', async () => {
    const { code, err } = await run(created('c1', 'nowhere'))
    expect(code).toBe(2)
    expect(err).toContain('"nowhere" is not a known server; add it with `ipbridge server add`')
  })

  it('come from a file: bad lines are told of by number and reason, and do not stop the others', async () => {
    const good = Array.from({ length: 1_200 }, (_, n) => JSON.stringify(events.created({ id: `f${n}` })))
    const file = join(tmpdir(), `ipbridge-events-${process.pid}.ndjson`)
    const conflict = { ...events.created({ id: 'x' }), id: JSON.parse(good[0] ?? '').id }
    const lines = [
      ...good.slice(0, 700),
      'not json',
      JSON.stringify(events.created({ id: 'f-unknown', server: 'nowhere' })),
      '',
      JSON.stringify({ ...events.deleted('f1'), type: 'service.closed' }),
      JSON.stringify(conflict),
      JSON.stringify(events.created({ id: 'f-nul', setup: { note: '\0' } })),
      good[3],
      ...good.slice(700),
    ]
    await writeFile(file, lines.join('\n'))
    const first = await run(['event', '--file', file])
    expect(first.code).toBe(1)
    expect(first.out).toBe('lines: 1206, accepted: 1200, duplicate: 1, superseded: 0, refused: 5\n')
    const told = first.err.trim().split('\n').sort()
    expect(told).toEqual([
      expect.stringMatching(/^line 701: is not JSON/),
      expect.stringMatching(/^line 702: \/data\/service\/server "nowhere" is not a known server/),
      expect.stringMatching(/^line 704: \/type must be "service\.created", /),
      expect.stringMatching(/^line 705: event .* was taken in before with another body/),
      expect.stringMatching(/^line 706: /),
    ])
    const again = await run(['event', '--file', file, '--json'])
    expect(JSON.parse(again.out)).toEqual({
      lines: 1206,
      accepted: 0,
      duplicate: 1201,
      superseded: 0,
      refused: 5,
    })
  })

  it('come from standard input, and are waited for while workers do them', async () => {
    const stop = app.work({ concurrency: 20 })
    const input = ['s1', 's2', 's3'].map(id => `${JSON.stringify(events.created({ id }))}\n`).join('')
    const { code, out, err } = await ipbridge(['event', '--file', '-', '--wait', '60'], {
      env: app.env,
      input,
    })
    await stop()
    expect({ code, out, err }).toEqual({
      code: 0,
      out: 'lines: 3, accepted: 3, duplicate: 0, superseded: 0, refused: 0\n',
      err: '',
    })
    const { items } = await app.desk.addresses.list({ name: 'test', role: 'admin' }, { service: 's2' })
    expect(items).toMatchObject([{ state: 'active', ptr: 's2.example.net' }])
  })
})
