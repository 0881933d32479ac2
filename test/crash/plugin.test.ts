import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packageRoot } from '../../src/package-root.ts'
import { admin } from '../helpers/api.ts'
import { backend, queueMissing, startTestApp, type TestApp } from '../helpers/app.ts'
import { type BillmanagerHost, pythonMissing, startBillmanagerHost } from '../helpers/billmanager.ts'
import { type Ledger, type LedgerMemory, openLedger } from './ledger.ts'
import { samenessOf } from './sameness.ts'

/** Files of the spool by their place in it. */
type Spool = Record<string, string>

/** What is there when the forwarder dies. */
interface Moment {
  spool: Spool
  ledger: LedgerMemory
  sameness: string
}

const patienceMs = 300_000

describe.skipIf(queueMissing || pythonMissing || backend === 'redis')("BILLmanager's plugin", () => {
  let app: TestApp
  let server: Awaited<ReturnType<TestApp['serve']>>
  let host: BillmanagerHost
  let ledger: Ledger

  beforeAll(async () => {
    app = await startTestApp({ work: false, env: { PORT: '0' } })
    server = await app.serve()
    await app.desk.servers.add(admin, { name: 'node1', panel: 'none', connection: 'builtin' })
    const { token } = await app.desk.tokens.add(admin, { name: 'billmanager', role: 'billing' })
    host = await startBillmanagerHost()
    await host.configure(server.url, token)
    ledger = await openLedger(app.database.url)
  })
  afterAll(async () => {
    await ledger.close()
    await host.stop()
    await server.close()
    await app.shutDown()
  })

  const folders = ['tmp', 'new', 'out', 'refused']

  async function readSpool(): Promise<Spool> {
    const files: Spool = {}
    for (const folder of folders) {
      for (const name of await readdir(join(host.spool, folder))) {
        files[join(folder, name)] = await readFile(join(host.spool, folder, name), 'utf8')
      }
    }
    return files
  }

  async function remember(): Promise<Moment> {
    const [spool, rows] = [await readSpool(), await ledger.remember()]
    // Signing in leaves a time behind.
    return { spool, ledger: rows, sameness: samenessOf({ ...rows, token: '[]' }, spool) }
  }

  async function recall(moment: Moment): Promise<void> {
    for (const folder of folders) {
      await rm(join(host.spool, folder), { recursive: true, force: true })
      await mkdir(join(host.spool, folder))
    }
    for (const [name, text] of Object.entries(moment.spool)) await writeFile(join(host.spool, name), text)
    await ledger.recall(moment.ledger)
  }

  /** Runs the forwarder from a moment until it has nothing more to do. @returns what it left before each effect */
  async function live(from: Moment): Promise<{ what: string; moment: Moment }[]> {
    await recall(from)
    const watched = join(packageRoot, 'test', 'crash', 'watched.py')
    const child = spawn('python3', [watched, ...host.forwarderCommand('--once')])
    let said = ''
    child.stderr.setEncoding('utf8').on('data', text => {
      said += text
    })
    const closed = once(child, 'close')
    const points: { what: string; moment: Moment }[] = []
    for await (const what of createInterface(child.stdout)) {
      points.push({ what, moment: await remember() })
      child.stdin.write('\n')
    }
    const [code] = await closed
    expect([code, said]).toEqual([0, ''])
    return points
  }

  it(
    'forwards everything once, wherever and however often its forwarder dies',
    async () => {
      const { billing, modules } = host.panel
      const id = billing.order({ domain: 'one.example.net' })
      billing.order({ domain: 'two.example.net' })
      modules.work()
      const beginning = await remember()
      expect((await host.spooled()).new.length).toBeGreaterThan(1)
      const known = new Set([beginning.sameness])
      const starts = [{ moment: beginning, deaths: [] as string[] }]
      const tried = { effects: 0, single: 0, double: 0, later: 0 }
      let end: unknown
      for (const { moment, deaths } of starts) {
        const points = await live(moment)
        const { new: noted, out, refused } = await host.spooled()
        const told = (await app.db.event.findMany({ orderBy: { id: 'asc' } })).map(
          ({ eventId, type, data }) => ({ eventId, type, data }),
        )
        end ??= told
        expect([deaths, noted, out, refused, told]).toEqual([deaths, [], [], [], end])
        if (deaths.length === 0) tried.effects = points.length
        tried[deaths.length === 0 ? 'single' : deaths.length === 1 ? 'double' : 'later'] += points.length + 1
        for (const { what, moment } of points) {
          if (known.has(moment.sameness)) continue
          known.add(moment.sameness)
          starts.push({ moment, deaths: [...deaths, `before ${what}`] })
        }
      }
      expect(end).toContainEqual(
        expect.objectContaining({
          data: expect.objectContaining({ service: expect.objectContaining({ id }) }),
        }),
      )
      const { effects, single, double, later } = tried
      process.stdout.write(
        `crash sweep, BILLmanager's forwarder: ${effects} effects, ${single} single, ${double} double and ${later} further deaths, ${starts.length} lives\n`,
      )
    },
    patienceMs,
  )

  it('keeps a note whole or not at all, wherever its handler is killed', async () => {
    const programs = join(host.root, 'killing')
    await mkdir(programs, { recursive: true })
    const counter = join(host.root, 'count')
    // Kills the handler before or after the nth program that it runs.
    for (const name of ['date', 'dd', 'mv', 'cat']) {
      const text = `#!/bin/sh
PATH=/usr/bin:/bin
n=$(($(cat ${counter}) + 1)); echo $n >${counter}
[ "$KILL_BEFORE" = $n ] && kill -9 $HANDLER && exit 1
${name} "$@"; code=$?
[ "$KILL_AFTER" = $n ] && kill -9 $HANDLER
exit $code
`
      await writeFile(join(programs, name), text, { mode: 0o755 })
    }
    const kept: string[] = []
    for (const when of ['KILL_BEFORE', 'KILL_AFTER']) {
      for (let at = 1; at <= 5; at++) {
        await recall({ spool: {}, ledger: await ledger.remember(), sameness: '' })
        await writeFile(counter, '0')
        const env = {
          PATH: programs,
          PARAM_func: 'vds.open',
          PARAM_sok: 'ok',
          PARAM_elid: '5',
          [when]: `${at}`,
        }
        spawnSync('/bin/sh', ['-c', `HANDLER=$$ exec ${host.handler}`], { input: '<doc/>', env })
        const spool = await readSpool()
        const notes = Object.entries(spool).filter(([name]) => name.startsWith('new/'))
        for (const [, text] of notes) expect(text).toBe('func=vds.open\0elid=5\0plid=\0domain=\0user=\0')
        kept.push(`${when} ${at}: ${notes.length}`)
      }
    }
    expect(kept).toEqual([
      ...['KILL_BEFORE 1: 0', 'KILL_BEFORE 2: 0', 'KILL_BEFORE 3: 0', 'KILL_BEFORE 4: 1', 'KILL_BEFORE 5: 1'],
      ...['KILL_AFTER 1: 0', 'KILL_AFTER 2: 0', 'KILL_AFTER 3: 1', 'KILL_AFTER 4: 1', 'KILL_AFTER 5: 1'],
    ])
  })
})
