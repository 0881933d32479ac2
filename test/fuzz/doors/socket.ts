import { connect } from 'node:net'
import fc from 'fast-check'
import { expect } from 'vitest'
import { furnish, startTestApi } from '../../helpers/api.ts'
import { type Door, expectNoSecret } from '../door.ts'
import { watchLedger } from '../ledger.ts'
import { nastyText } from '../make/nasty.ts'

interface Input {
  line: string
  headers: [string, string][]
  body: string
  /** What is done to the whole: cut off, sent twice, or sent in pieces. */
  cut: number
  times: number
  pieces: number
}

/** Longer than this no connection stays that says nothing more, in milliseconds. */
const arrivalMs = 400

const methods = ['GET', 'POST', 'PATCH', 'HEAD', 'TRACE', 'CONNECT', 'PRI', 'get', 'BREW', '']
const paths = [
  '/api/v1/events',
  '/api/v1/services',
  '/healthz',
  '/docs',
  '/queues/',
  '//',
  '*',
  'http://evil.example/',
  '/api/../metrics',
  '/%2e%2e/',
  '',
]
const versions = ['HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'HTTP/9', 'HTTP/1.1 extra', '']

/** Bytes on a connection, whether they are HTTP or not. */
export async function openSocket() {
  const bed = await startTestApi({ work: false, arrivalMs, limits: { client: 1e9, others: 1e9 } })
  await furnish(bed.app)
  const port = Number(new URL(await bed.api.listen({ host: '127.0.0.1', port: 0 })).port)
  const ledger = await watchLedger(bed.app.db)
  const before = await ledger.mark()
  const token = `Bearer ${bed.tokens.billing}`

  /** Sends it and reads whatever comes until the end. */
  function exchange({ line, headers, body, cut, times, pieces }: Input): Promise<string> {
    const head = [line, ...headers.map(([name, value]) => `${name}: ${value}`), '', body].join('\r\n')
    const whole = Buffer.from(head.repeat(times))
    const sent = whole.subarray(0, cut === 0 ? whole.length : Math.ceil(whole.length * (cut / 100)))
    return new Promise(resolve => {
      let answer = ''
      const socket = connect(port, '127.0.0.1', () => {
        const size = Math.ceil(sent.length / pieces) || 1
        for (let at = 0; at < sent.length; at += size) socket.write(sent.subarray(at, at + size))
      })
      socket.setEncoding('utf8').on('data', text => {
        answer += text
        // A connection that is kept open has said what it had to say.
        setTimeout(() => socket.end(), 20).unref()
      })
      socket.on('error', () => {})
      socket.on('close', () => resolve(answer))
    })
  }

  async function enter(input: Input): Promise<void> {
    const answer = await exchange(input)
    expect(answer).not.toMatch(/^HTTP\/1\.1 50[0-2]/m)
    expectNoSecret(answer)
    expect(answer).not.toContain(bed.tokens.billing)
    if (answer !== '') expect(answer).toMatch(/^HTTP\/1\.1 \d{3} /)
  }

  async function end(): Promise<void> {
    expect(await ledger.mark(), 'no effect of what could not be read').toEqual(before)
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200)
  }

  const usual: [string, string][] = [
    ['host', 'x'],
    ['authorization', token],
  ]
  const one = fc.oneof(
    fc.tuple(
      fc.constant('content-length'),
      fc.constantFrom('5', '0', '-1', '99999999', '1e3', '0x5', '5, 5', ''),
    ),
    fc.tuple(
      fc.constant('transfer-encoding'),
      fc.constantFrom('chunked', 'chunked, chunked', 'gzip', 'xchunked', ''),
    ),
    fc.tuple(
      fc.constantFrom(
        'content-type',
        'expect',
        'connection',
        'upgrade',
        'host',
        'cookie',
        'x-y',
        'authorization',
        'te',
        '',
      ),
      fc.oneof(
        nastyText,
        fc.constantFrom('100-continue', 'upgrade', 'websocket', 'close', 'x'.repeat(20_000)),
      ),
    ),
  )
  const inputs = fc.record({
    line: fc
      .tuple(fc.constantFrom(...methods), fc.constantFrom(...paths), fc.constantFrom(...versions))
      .map(parts => parts.join(' ')),
    headers: fc.array(one, { maxLength: 4 }).map(more => [...usual, ...more]),
    body: fc.constantFrom(
      '',
      '{}',
      'hello',
      '5\r\nhello\r\n0\r\n\r\n',
      'ffffffffffffffff\r\nx',
      '-1\r\n\r\n',
      '5;ext="\r\n',
      'x'.repeat(100_000),
    ),
    cut: fc.oneof(
      { weight: 4, arbitrary: fc.constant(0) },
      { weight: 1, arbitrary: fc.integer({ min: 1, max: 99 }) },
    ),
    times: fc.constantFrom(1, 1, 1, 2, 30),
    pieces: fc.constantFrom(1, 1, 7),
  })
  const door: Door<Input> = { name: 'Bytes on a connection', inputs, enter, share: 1 }
  return { door, end, bed }
}
