import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Line, readLines } from '../../src/cli/ndjson.ts'

async function* inPieces(...pieces: (string | Buffer)[]): AsyncGenerator<Buffer> {
  for (const piece of pieces) yield Buffer.from(piece as string)
}

async function read(...pieces: (string | Buffer)[]): Promise<Line[]> {
  const lines: Line[] = []
  for await (const line of readLines(inPieces(...pieces))) lines.push(line)
  return lines
}

describe('Newline-delimited JSON', () => {
  it('is read line by line, whatever the pieces that it comes in', async () => {
    const value = fc.record({ id: fc.string(), data: fc.string({ unit: 'grapheme' }) })
    await fc.assert(
      fc.asyncProperty(fc.array(value), fc.array(fc.nat(400)), async (values, cuts) => {
        const bytes = Buffer.from(values.map(value => `${JSON.stringify(value)}\n`).join(''))
        const places = [0, ...cuts.filter(cut => cut < bytes.length).sort((a, b) => a - b), bytes.length]
        const pieces = places.slice(1).map((end, n) => bytes.subarray(places[n], end))
        expect((await read(...pieces)).map(line => 'input' in line && line.input)).toEqual(values)
      }),
    )
  })

  it('may end without a newline, begin with a byte order mark, and have CR LF and empty lines', async () => {
    const lines = await read('\uFEFF{"a":1}\r\n\r\n  \n{"b":2}')
    expect(lines).toMatchObject([
      { number: 1, input: { a: 1 } },
      { number: 4, input: { b: 2 } },
    ])
  })

  it('tells of each bad line which one it is and why, and goes on', async () => {
    const lines = await read('{"a":1}\n{"a":\n', Buffer.from([0xff, 0xfe, 0x0a]), '{"b":2}\n')
    expect(lines).toMatchObject([
      { number: 1, input: { a: 1 } },
      { number: 2, fault: expect.stringContaining('is not JSON') },
      { number: 3, fault: 'is not UTF-8' },
      { number: 4, input: { b: 2 } },
    ])
  })

  it('refuses a line that is longer than any event, without keeping it', async () => {
    const long = 'x'.repeat(400_000)
    const lines = await read('{"a":"', long, long, long, '"}\n{"b":2}\n')
    expect(lines).toMatchObject([
      { number: 1, fault: 'is longer than 1048576 bytes' },
      { number: 2, input: { b: 2 } },
    ])
  })
})
