import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packageRoot } from '../../src/package-root.ts'
import {
  type Billmanager,
  type BillmanagerOptions,
  startBillmanager,
} from '../../src/simulators/billmanager/start.ts'

export type { Billmanager }

const python = spawnSync('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 6))']).status === 0
if (!python && process.env['CI'])
  throw new Error('python3 is not installed: CI must run the tests of the plugin for BILLmanager')

/** Why the plugin cannot be tested here, if it cannot. For `describe.skipIf`. */
export const pythonMissing = !python

/** The panel's own command line, as far as the plugin uses it. It speaks to the simulator as root. */
const mgrctl = `
const [, , , , , , func, ...params] = process.argv
const { readFileSync } = require('node:fs')
const body = new URLSearchParams({ func, out: 'xml', authinfo: 'root:root-password' })
for (const param of params) body.set(param.slice(0, param.indexOf('=')), param.slice(param.indexOf('=') + 1))
const { request } = require('node:http')
const sent = request(readFileSync(__dirname + '/url', 'utf8'), { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' } }, answer => answer.pipe(process.stdout))
sent.on('error', error => { console.error(String(error)); process.exitCode = 1 })
sent.end(body.toString())
`

export type BillmanagerHost = Awaited<ReturnType<typeof startBillmanagerHost>>

/** A BILLmanager with ipbridge's plugin on it, installed as an administrator does. */
export async function startBillmanagerHost(options: BillmanagerOptions = {}) {
  const root = await mkdtemp(join(tmpdir(), 'ipbridge-billmanager-'))
  const folder = join(root, 'usr', 'local', 'mgr5')
  const lib = join(root, 'usr', 'local', 'lib', 'ipbridge-billmanager')
  const spool = join(root, 'var', 'spool', 'ipbridge-billmanager')
  const config = join(root, 'etc', 'ipbridge-billmanager', 'config.json')
  await mkdir(join(folder, 'etc', 'xml'), { recursive: true })
  const installer = join(packageRoot, 'integrations', 'billmanager', 'install.sh')
  const installed = spawnSync('sh', [installer, '--root', root], { encoding: 'utf8' })
  if (installed.status !== 0) throw new Error(`the plugin cannot be installed: ${installed.stderr}`)
  const panel = await startBillmanager({ folder, ...options })
  await mkdir(join(folder, 'sbin'), { recursive: true })
  await writeFile(join(folder, 'sbin', 'mgrctl.cjs'), mgrctl)
  await writeFile(join(folder, 'sbin', 'url'), panel.url)

  return {
    panel,
    root,
    folder,
    spool,
    handler: join(folder, 'addon', 'ipbridge'),

    /** Tells the plugin where ipbridge is. */
    async configure(url: string, token: string, more: object = {}): Promise<void> {
      const command = [process.execPath, join(folder, 'sbin', 'mgrctl.cjs'), '-m', 'billmgr', '-o', 'xml']
      const settings = {
        url,
        token,
        source: '/billmanager',
        spool,
        mgrctl: command,
        ignore_users: ['ipbridge'],
      }
      await writeFile(config, JSON.stringify({ ...settings, ...more }))
    },

    /** Starts the forwarder, as systemd does. */
    forwarder(...args: string[]): Forwarder {
      return startForwarder(this.forwarderCommand(...args))
    },

    /** The forwarder as an argument of Python. */
    forwarderCommand: (...args: string[]): string[] => [join(lib, 'forwarder'), '--config', config, ...args],

    /** What lies in the spool. */
    async spooled(): Promise<Record<'new' | 'out' | 'refused', string[]>> {
      const read = (name: string) => readdir(join(spool, name))
      return { new: await read('new'), out: await read('out'), refused: await read('refused') }
    },

    async stop(): Promise<void> {
      await panel.stop()
      await rm(root, { recursive: true, force: true })
    },
  }
}

export interface Forwarder {
  child: ChildProcess
  readonly said: string
  ended: Promise<number | null>
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

function startForwarder(args: string[]): Forwarder {
  const child = spawn('python3', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', text => {
    said += text
  })
  const ended = new Promise<number | null>(resolve => child.once('close', resolve))
  return {
    child,
    get said() {
      return said
    },
    ended,
    stop(signal = 'SIGTERM') {
      child.kill(signal)
      return ended
    },
  }
}
