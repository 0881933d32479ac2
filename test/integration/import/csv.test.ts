import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type BadLine, servicesOfCsv } from '../../../src/billing/csv-services.ts'
import { takeSnapshot } from '../../../src/db/snapshot.ts'
import type { ImportConflict } from '../../../src/domain/import.ts'
import { checkInvariants } from '../../../src/domain/invariants.ts'
import { admin, furnish } from '../../helpers/api.ts'
import { queueMissing, startTestApp, type TestApp } from '../../helpers/app.ts'
import { events } from '../../helpers/events.ts'
import { until } from '../../helpers/until.ts'

const header = 'service,kind,client,domain,server,guest,address,ptr,order'

describe.skipIf(queueMissing)('An import from CSV', () => {
  let app: TestApp

  beforeAll(async () => {
    app = await startTestApp({ work: {} })
    await furnish(app, '10.0.0.0/16')
  })
  afterAll(() => app.shutDown())

  async function run(lines: string[], options: { dryRun?: boolean; signal?: AbortSignal } = {}) {
    const bad: BadLine[] = []
    const conflicts: ImportConflict[] = []
    const text = Readable.from([`${[header, ...lines].join('\n')}\n`])
    const counts = await app.desk.imports.run(
      admin,
      servicesOfCsv(text, line => bad.push(line)),
      {
        dryRun: options.dryRun ?? false,
        signal: options.signal ?? new AbortController().signal,
        onConflict: conflict => conflicts.push(conflict),
      },
    )
    return { counts, bad, conflicts }
  }

  const addressesOf = async (id: string) =>
    (await app.desk.services.show(admin, id)).addresses.map(({ slot, address, ptr, state }) => [
      slot,
      address,
      ptr,
      state,
    ])

  it('enters services with their addresses, PTRs and orders', async () => {
    const { counts } = await run([
      'a1,vps,c1,a1.example.net,node1,101,10.0.0.10,a1.example.net,',
      'a1,vps,c1,a1.example.net,node1,101,10.0.0.11,mail.example.net,o-7',
      'a1,vps,c1,a1.example.net,node1,101,10.0.0.12,-,o-7',
      'a2,dedicated,c2,a2.example.net,node1,,,,',
    ])
    expect(counts).toEqual({ services: 2, newServices: 2, newAddresses: 3, unchanged: 0, conflicts: 0 })
    expect(await addressesOf('a1')).toEqual([
      ['main', '10.0.0.10', 'a1.example.net', 'active'],
      ['order:o-7/1', '10.0.0.11', 'mail.example.net', 'active'],
      ['order:o-7/2', '10.0.0.12', null, 'active'],
    ])
  })

  it('takes lines of one service together that do not stand together', async () => {
    const lines = [
      'i1,vps,c1,i1.example.net,node1,,10.0.0.60,,',
      'i2,vps,c1,i2.example.net,node1,,10.0.0.61,,',
      'i1,vps,c1,i1.example.net,node1,,10.0.0.62,,',
      'i1,vps,c1,i1.example.net,node1,,10.0.0.60,,',
      'i2,vps,c2,i2.example.net,node1,,10.0.0.63,,',
    ]
    for (const dryRun of [true, false]) {
      const { counts, conflicts } = await run(lines, { dryRun })
      expect(counts).toMatchObject({ newServices: 2, newAddresses: 3 })
      expect(conflicts).toMatchObject([{ where: 'line 6', message: 'its client is c1 here, not c2' }])
    }
    expect((await addressesOf('i1')).map(([slot, address]) => [slot, address])).toEqual([
      ['main', '10.0.0.60'],
      ['main/2', '10.0.0.62'],
    ])
  })

  it('leaves everything as it is the second time', async () => {
    const lines = [
      'b1,vps,c1,b1.example.net,node1,,10.0.0.20,,',
      'b2,vps,c1,b2.example.net,node1,,10.0.0.21,,',
    ]
    await run(lines)
    const { counts } = await run(lines)
    expect(counts).toEqual({ services: 2, newServices: 0, newAddresses: 0, unchanged: 2, conflicts: 0 })
  })

  it('gives no second address to a service that is just about to get its first', async () => {
    // It names a pool that does not exist, so that it stays without one.
    const waiting = events.created({ id: 'p1' }, { addresses: [{ family: 'ipv4', pool: 'nowhere' }] })
    await app.intake.accept([waiting], 'api')
    const { counts, conflicts } = await run(['p1,vps,client-1,p1.example.net,node1,,10.0.0.70,,'])
    expect(counts.newAddresses).toBe(0)
    expect(conflicts).toMatchObject([
      {
        service: 'p1',
        address: '10.0.0.70',
        message: expect.stringMatching(/^main of the service is about to/),
      },
    ])
  })

  it('says what it would do, and does nothing, when it is only asked', async () => {
    const { counts, conflicts } = await run(
      ['d1,vps,c1,d1.example.net,node1,,10.0.0.30,,', 'd2,vps,c1,d2.example.net,node1,,10.0.0.30,,'],
      { dryRun: true },
    )
    expect(counts).toMatchObject({ newServices: 2, newAddresses: 1, conflicts: 1 })
    expect(conflicts).toEqual([
      { where: 'line 3', service: 'd2', address: '10.0.0.30', message: 'service d1 has 10.0.0.30' },
    ])
    await expect(app.desk.services.show(admin, 'd1')).rejects.toMatchObject({ code: 'not_found' })
  })

  it('takes nothing over that the ledger knows otherwise, and says why', async () => {
    await run(['e1,vps,c1,e1.example.net,node1,,10.0.0.40,,'])
    const { conflicts } = await run([
      'e1,vps,c9,other.example.net,node1,,10.0.0.41,,',
      'e2,vps,c1,e2.example.net,node1,,10.0.0.40,,',
      'e3,vps,c1,e3.example.net,node9,,10.0.0.42,,',
    ])
    expect(conflicts.map(({ where, message }) => `${where}: ${message}`)).toEqual([
      'line 2: its client is c1 here, not c9; its domain is e1.example.net here, not other.example.net',
      'line 3: service e1 has 10.0.0.40',
      'line 4: there is no server node9',
    ])
  })

  it('leaves out lines that cannot be used, and says what is wrong with each', async () => {
    const { counts, bad } = await run([
      'f1,VPS,c1,f1.example.net,node1,,10.0.0.50,,',
      'f2,vps,c1,not_a_name,node1,,10.0.0.51,,',
      'f3,vps,c1,f3.example.net,node1,,10.0.0.300,,',
      'f4,vps,c1,f4.example.net,node1,,10.0.0.52,bad..name,',
      'f5,vps,c1,f5.example.net,node1,,10.0.0.53,,no spaces',
      'f6,vps,c1,f6.example.net,node1',
      'f7,vps,c1,f7.example.net,node1,,10.0.0.54,,,one too many',
      'f8,vps,c1,f8.example.net,node1,,10.0.0.55,,',
    ])
    expect(counts).toMatchObject({ services: 1, newServices: 1 })
    expect(bad.map(({ where }) => where)).toEqual([2, 3, 4, 5, 6, 7, 8].map(line => `line ${line}`))
    expect(bad[5]?.message).toBe('it has 5 columns where the first line has 9')
    expect(bad[0]?.message).toBe('kind must be a lower-case word such as vps, dedicated, hosting or license')
    expect(bad[2]?.message).toContain('"10.0.0.300" is not an IP address')
  })

  it('refuses a file whose first line is not the columns', async () => {
    const text = Readable.from(['id,name\n1,x\n'])
    const run = app.desk.imports.run(
      admin,
      servicesOfCsv(text, () => undefined),
      {
        dryRun: false,
        signal: new AbortController().signal,
      },
    )
    await expect(run).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringContaining('lacks service'),
    })
  })

  it('keeps imported addresses from being handed out, and releases them like any other', async () => {
    await run(['g1,vps,c1,g1.example.net,node1,,10.0.0.1,g1.example.net,'])
    await app.intake.accept([events.created({ id: 'g2' })], 'api')
    const taken = await until(
      'g2 has an address',
      async () =>
        (await addressesOf('g2')).find(([, address, , state]) => state === 'active' && address)?.[1],
    )
    expect(taken).not.toBe('10.0.0.1')
    const deletion = { ...events.deleted('g1'), time: new Date().toISOString() }
    await app.intake.accept([deletion], 'api')
    await until('g1 has given its address back', async () => (await addressesOf('g1')).length === 0)
    const snapshot = await takeSnapshot(app.db, app.ipams.driver)
    expect(checkInvariants(snapshot, { quiet: true })).toEqual([])
  })

  it('goes on where it was interrupted', async () => {
    const lines = Array.from({ length: 1_500 }, (_, n) => {
      const address = `10.0.${10 + (n >> 8)}.${n & 255}`
      return `h${n},vps,c1,h${n}.example.net,node1,,${address},,`
    })
    const stop = new AbortController()
    const text = Readable.from([`${[header, ...lines].join('\n')}\n`])
    const interrupted = app.desk.imports.run(
      admin,
      servicesOfCsv(text, () => undefined),
      {
        dryRun: false,
        signal: stop.signal,
        onProgress: () => stop.abort(),
      },
    )
    await expect(interrupted).rejects.toThrow()
    const { counts } = await run(lines)
    expect(counts).toMatchObject({ newServices: 1_000, unchanged: 500, conflicts: 0 })
  })
})
