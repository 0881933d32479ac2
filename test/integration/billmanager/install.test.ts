import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { packageRoot } from '../../../src/package-root.ts'
import { pythonMissing } from '../../helpers/billmanager.ts'

const folder = join(packageRoot, 'integrations', 'billmanager')

describe.skipIf(pythonMissing)("The installer of BILLmanager's plugin", () => {
  let root: string
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'ipbridge-install-'))
    await mkdir(join(root, 'usr/local/mgr5/etc/xml'), { recursive: true })
  })
  afterEach(() => rm(root, { recursive: true }))

  const install = (...args: string[]) =>
    spawnSync('sh', [join(folder, 'install.sh'), '--root', root, ...args], { encoding: 'utf8' })
  const config = () => join(root, 'etc/ipbridge-billmanager/config.json')
  const files = async () =>
    (await readdir(root, { recursive: true, withFileTypes: true }))
      .filter(entry => entry.isFile())
      .map(entry => join(entry.parentPath, entry.name).slice(root.length))
      .sort()

  it('puts everything in its place, the token where nobody else can read it', async () => {
    expect(install()).toMatchObject({ status: 0, stderr: '' })
    const handler = join(root, 'usr/local/mgr5/addon/ipbridge')
    expect((await stat(handler)).mode & 0o777).toBe(0o750)
    expect((await stat(config())).mode & 0o777).toBe(0o600)
    expect((await stat(join(root, 'var/spool/ipbridge-billmanager/new'))).mode & 0o777).toBe(0o700)
    expect(await readFile(handler, 'utf8')).toContain(`\nspool=${root}/var/spool/ipbridge-billmanager\n`)
  })

  it('keeps the configuration when it is installed again, and when it is removed', async () => {
    install()
    await writeFile(config(), '{"url":"kept"}')
    expect(install().status).toBe(0)
    expect(install('--remove')).toMatchObject({ status: 0, stderr: '' })
    expect(await readFile(config(), 'utf8')).toBe('{"url":"kept"}')
    expect(await files()).toEqual(['/etc/ipbridge-billmanager/config.json'])
  })

  it('does nothing where there is no BILLmanager', async () => {
    await rm(join(root, 'usr'), { recursive: true })
    expect(install()).toMatchObject({ status: 1, stderr: expect.stringContaining('is this BILLmanager') })
    expect(await files()).toEqual([])
  })

  it('registers every event of the table, for every type of service', async () => {
    const ask =
      'import json, table; print(json.dumps([list(table.TABLE["events"]), list(table.TABLE["kinds"])]))'
    const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' }
    const asked = spawnSync('python3', ['-c', ask], { cwd: join(folder, 'forwarder'), env, encoding: 'utf8' })
    const [events, kinds] = JSON.parse(asked.stdout) as [string[], string[]]
    const expected = events.flatMap(event =>
      event.startsWith('*.') ? kinds.map(kind => `${kind}${event.slice(1)}`) : [event],
    )
    const xml = await readFile(join(folder, 'etc/xml/billmgr_mod_ipbridge.xml'), 'utf8')
    const registered = [...xml.matchAll(/<event name="([^"]+)" after="yes"\/>/g)].map(([, name]) => name)
    expect(registered.sort()).toEqual(expected.sort())
  })
})
