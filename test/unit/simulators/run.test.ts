import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type RunOptions, runIpmanager } from '../../../src/simulators/ipmanager/run.ts'
import { ask, bill, control, post } from '../../helpers/ipmanager.ts'
import { until } from '../../helpers/until.ts'

let folder: string
let file: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ipmanager-'))
  file = join(folder, 'state.json')
})
afterEach(() => rm(folder, { recursive: true }))

const run = (options: Partial<RunOptions> = {}) =>
  runIpmanager({ host: '127.0.0.1', port: 0, file, tls: 'none', behaviour: {}, ...options })
const stored = async () => JSON.parse(await readFile(file, 'utf8'))

describe('The simulator as a program', () => {
  it('keeps what happened in its file, also before it is stopped', async () => {
    const panel = await run()
    expect((await stored()).addresses).toEqual([])
    await ask(panel.url, { authinfo: bill, func: 'ip.edit', sok: 'ok', note: 'kept' })
    await until('the file has it', async () => (await stored()).addresses.length === 1)
    await panel.stop()

    const again = await run()
    expect((await ask(again.url, { authinfo: bill, func: 'ip' })).elem).toMatchObject({ note: { $: 'kept' } })
    expect(again.books.history()).toHaveLength(1)
    await again.stop()
  })

  it('keeps its certificate too, so that whoever is pinned to it stays so', async () => {
    const panel = await run({ tls: 'own' })
    const { cert } = (await stored()).tls
    const { status } = await post(
      panel.url,
      { func: 'ip', out: 'xml' },
      { ca: cert, servername: 'localhost' },
    )
    expect(status).toBe(200)
    await panel.stop()
    const again = await run({ tls: 'own' })
    expect(again.fingerprint).toBe(panel.fingerprint)
    await again.stop()
  })

  it.each([
    ['{"users": [{"name": "x"}]}', /password/],
    ['{"network": []}', /Unrecognized key: "network"/],
    [
      '{"networks": [{"cidr": "10.0.0.0/33"}]}',
      /must be an address, a-b .* or net\/mask\s+.*networks\[0\]\.cidr/,
    ],
    ['[', /JSON/],
  ])('says what is wrong with the file %s', async (text, reason) => {
    await writeFile(file, text)
    await expect(run()).rejects.toThrow(reason)
    await expect(run()).rejects.toThrow(file)
  })

  it('says at once when the file cannot be written', async () => {
    await expect(run({ file: join(folder, 'no', 'where.json') })).rejects.toThrow('cannot be written')
  })
})

describe('A wrong argument of the control', () => {
  it.each([
    ['faults/add', [{ what: '502' }], 'Invalid discriminator value'],
    ['faults/add', [{ what: 'drop', funk: 'ip' }], 'Unrecognized key: "funk"'],
    ['panel/behave', [{ exhaust: 1 }], 'Unrecognized key: "exhaust"'],
    ['drift/grant', ['203.0.113.5', { owner: 'x' }], 'iptype'],
    ['books/fill', [{ range: 'x', owner: 'x', iptype: 'x' }], 'must be an address'],
    ['books/fill', [{ range: '203.0.113.5', owner: 'x', iptype: 'x', status: 'free' }], 'status'],
  ])('%s %j is told, and changes nothing', async (path, args, reason) => {
    const panel = await run({ file: undefined })
    await expect(control(panel.controlUrl, path, ...args)).rejects.toThrow(reason)
    expect([panel.faults.list(), panel.books.held()]).toEqual([[], []])
    await panel.stop()
  })
})
