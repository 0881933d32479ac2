import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { furnish } from '../../helpers/api.ts'
import { queueMissing, startTestApp, type TestApp } from '../../helpers/app.ts'
import { command, ipbridge, startIpbridge } from '../../helpers/cli.ts'
import { until } from '../../helpers/until.ts'

const header = 'service,kind,client,domain,server,address,ptr'

describe.skipIf(queueMissing)('`ipbridge import csv`', () => {
  let app: TestApp
  let folder: string

  beforeAll(async () => {
    app = await startTestApp({ work: false })
    await furnish(app, '10.0.0.0/12')
    folder = await mkdtemp(join(tmpdir(), 'ipbridge-import-'))
  })
  afterAll(async () => {
    await app.shutDown()
    await rm(folder, { recursive: true })
  })

  async function csv(name: string, lines: string[]): Promise<string> {
    const file = join(folder, `${name}.csv`)
    await writeFile(file, `${[header, ...lines].join('\n')}\n`)
    return file
  }
  const services = (prefix: string, count: number, second: number) =>
    Array.from({ length: count }, (_, n) => {
      const name = `${prefix}${n}.example.net`
      return `${prefix}${n},vps,c${n % 100},${name},node1,10.${second + (n >> 16)}.${(n >> 8) & 255}.${n & 255},${name}`
    })
  const inLedger = (prefix: string) => app.db.service.count({ where: { id: { startsWith: prefix } } })
  const run = (...args: string[]) => command(['import', 'csv', ...args], app.env)

  it('says first what it would do, and does it when told to', async () => {
    const file = await csv('a', services('a', 1_200, 0))
    const dry = await run(file)
    expect(dry).toEqual({
      code: 0,
      err: '',
      out: 'services: 1200, new: 1200 with 1200 addresses, unchanged: 0, conflicts: 0, left out: 0\na dry run: nothing was written; --apply does it\n',
    })
    expect(await inLedger('a')).toBe(0)
    const applied = await run(file, '--apply', '--json')
    expect(JSON.parse(applied.out)).toMatchObject({ applied: true, newServices: 1_200, items: [] })
    expect(await inLedger('a')).toBe(1_200)
  })

  it('changes nothing the second time', async () => {
    const file = await csv('b', services('b', 30, 1))
    await run(file, '--apply')
    const before = await app.db.assignment.findMany({ where: { serviceId: { startsWith: 'b' } } })
    const { code, out } = await run(file, '--apply')
    expect(code).toBe(0)
    expect(out).toBe('services: 30, new: 0 with 0 addresses, unchanged: 30, conflicts: 0, left out: 0\n')
    expect(await app.db.assignment.findMany({ where: { serviceId: { startsWith: 'b' } } })).toEqual(before)
  })

  it('tells of everything that it does not take over, with exit code 3', async () => {
    const file = await csv('c', [
      'c1,vps,c1,c1.example.net,node1,10.2.0.1,-',
      'c2,vps,c1,c2.example.net,node1,10.2.0.1,-',
      'c3,vps,c1,c3.example.net,node9,10.2.0.3,-',
      'c4,vps,c1,c4.example.net,node1,10.2.0.999,-',
    ])
    const { code, out, err } = await run(file, '--apply')
    expect(code).toBe(3)
    expect(out).toContain('new: 2 with 1 addresses, unchanged: 0, conflicts: 2, left out: 1')
    expect(err.trim().split('\n').sort()).toEqual([
      'line 3: c2: service c1 has 10.2.0.1',
      'line 4: c3: there is no server node9',
      expect.stringMatching(/^line 5: "10\.2\.0\.999" is not an IP address/),
    ])
    const asJson = await run(file, '--json')
    expect(asJson.code).toBe(3)
    expect(JSON.parse(asJson.out).items).toContainEqual({
      where: 'line 3',
      service: 'c2',
      address: '10.2.0.1',
      message: 'service c1 has 10.2.0.1',
    })
  })

  it('refuses a file that is not there or not of this kind, with exit code 2', async () => {
    expect(await run(join(folder, 'none.csv'))).toMatchObject({
      code: 2,
      err: expect.stringContaining('ENOENT'),
    })
    const other = join(folder, 'other.csv')
    await writeFile(other, 'id,name\n1,x\n')
    expect(await run(other)).toMatchObject({ code: 2, err: expect.stringContaining('lacks service') })
  })

  it('reads standard input', async () => {
    const input = `${[header, ...services('d', 3, 3)].join('\n')}\n`
    const { code, out } = await ipbridge(['import', 'csv', '-', '--apply'], { env: app.env, input })
    expect({ code, out }).toEqual({
      code: 0,
      out: 'services: 3, new: 3 with 3 addresses, unchanged: 0, conflicts: 0, left out: 0\n',
    })
  })

  it('goes on where it was stopped', async () => {
    const file = await csv('e', services('e', 6_000, 4))
    const stopped = startIpbridge(['import', 'csv', file, '--apply'], { env: app.env })
    await until('some of it is written', () => inLedger('e'), 60_000)
    const ended = await stopped.stop('SIGTERM')
    expect(ended.code).toBe(1)
    expect(ended.err).toContain('run the command again')
    const written = await inLedger('e')
    expect(written).toBeLessThan(6_000)
    const { code, out } = await run(file, '--apply')
    expect(code).toBe(0)
    expect(out).toContain(`new: ${6_000 - written} with ${6_000 - written} addresses, unchanged: ${written}`)
    expect(await inLedger('e')).toBe(6_000)
  }, 120_000)
})
