import { chmod, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { backend } from '../helpers/app.ts'
import { type Ended, ipbridge } from '../helpers/cli.ts'

// The demo brings its own database, with the queue in it.
describe.skipIf(backend === 'redis')('`ipbridge demo`, on a machine that has nothing but Node', () => {
  let folder: string
  let ended: Ended
  let seconds: number
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ipbridge-demo-test-'))
    for (const name of ['tmp', 'data']) await mkdir(join(folder, name))
    for (const path of [folder, join(folder, 'tmp')]) await chmod(path, 0o755)
    const begun = performance.now()
    ended = await ipbridge(['demo'], {
      env: { TMPDIR: join(folder, 'tmp'), IPBRIDGE_DATA_DIR: join(folder, 'data') },
    })
    seconds = (performance.now() - begun) / 1_000
  }, 180_000)
  afterAll(() => rm(folder, { recursive: true, force: true }))

  it('ends well, in time', () => {
    expect(ended).toMatchObject({ code: 0, err: '' })
    expect(ended.out).toContain('all invariants hold, in the ledger and in the IPAM')
    expect(ended.out).not.toContain('FAIL')
    // A minute where it is alone; here the rest of the tests work beside it.
    expect(seconds).toBeLessThan(120)
  })

  it('tells what became of each kind of event, of the work and of the pools, and where to look next', () => {
    for (const type of ['service.created', 'service.deleted', 'ip.ordered', 'ip.cancelled', 'ptr.changed']) {
      expect(ended.out).toMatch(new RegExp(`^ +${type.replace('.', '\\.')} +[1-9]\\d* +\\d+ +\\d+$`, 'm'))
    }
    for (const part of [
      /lines were refused, and nothing of them is stored/,
      /^ +allocate +\d+/m,
      /^ +release +\d+/m,
      /^ +ptr +\d+/m,
      /^ +vps-eu +\d+ +\d+ +\d+$/m,
      /conflict: the IPAM granted/,
      /full pool: [1-9]\d* orders/,
      /quarantine: [1-9]\d* of/,
      /licences: [1-9]\d* share an address/,
      /ipbridge with nothing but Node/,
      /\/docs .*\/queues/,
    ]) {
      expect(ended.out).toMatch(part)
    }
  })

  it('leaves nothing behind, and does not touch the data folder', async () => {
    expect(await readdir(join(folder, 'tmp'))).toEqual([])
    expect(await readdir(join(folder, 'data'))).toEqual([])
  })
})
