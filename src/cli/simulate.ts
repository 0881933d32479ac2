import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import type { RunningIpmanager } from '../simulators/ipmanager/run.ts'
import { WrongUse } from './failure.ts'
import { wholeNumber } from './numbers.ts'
import { addPanelSimulators } from './simulate-panels.ts'
import { keepRunning, pinning, type Whereabouts } from './simulated.ts'

interface IpmanagerFlags {
  host: string
  port: number
  file?: string
  http?: true
  cert?: string
  key?: string
  checking?: number
  json?: true
}

/** `simulate`: servers that behave like the systems that ipbridge talks to, to try it without owning one. */
export function addSimulateCommand(program: Command): void {
  const simulate = program
    .command('simulate')
    .description('run a simulator of a system that ipbridge talks to, to try things out')
  addPanelSimulators(simulate)
  simulate
    .command('ipmanager')
    .description('an IPmanager 5 with a few networks and two accounts')
    .option('--host <address>', 'where it listens', '127.0.0.1')
    .option('--port <number>', 'its port; 0 takes a free one', wholeNumber(65_535), 1500)
    .option('--file <path>', 'keep its state in this JSON file, and begin with what is there')
    .option('--http', 'plain HTTP, without a certificate')
    .option('--cert <path>', 'its certificate (PEM); default: it makes one itself')
    .option('--key <path>', 'the key of the certificate (PEM)')
    .option('--checking <seconds>', 'a released address is checked for so long first', wholeNumber(86_400))
    .option('--json', 'say in JSON where it is')
    .addHelpText(
      'after',
      `
Under /simulator it can be made to fail and to drift: see docs/guides/try-ipmanager.md.`,
    )
    .action(simulateIpmanager)
}

function simulateIpmanager({ host, port, file, checking, ...flags }: IpmanagerFlags): Promise<void> {
  return keepRunning(
    async () => {
      const { runIpmanager } = await import('../simulators/ipmanager/run.ts')
      const tls = await tlsOf(flags)
      const behaviour = checking === undefined ? {} : { checkingSeconds: checking }
      const panel = await runIpmanager({ host, port, file, tls, behaviour }).catch((error: Error) => {
        // The network's own errors carry a code; everything else is about the file.
        throw 'code' in error ? error : new WrongUse(error.message)
      })
      return { panel, fingerprint: panel.fingerprint }
    },
    flags.json,
    welcome,
  )
}

async function tlsOf({ http, cert, key }: Pick<IpmanagerFlags, 'http' | 'cert' | 'key'>) {
  if (http) return 'none'
  if (cert === undefined && key === undefined) return 'own'
  if (cert === undefined || key === undefined) throw new WrongUse('--cert and --key go together')
  const read = (path: string) =>
    readFile(path, 'utf8').catch(error => {
      throw new WrongUse(`${path} cannot be read: ${error.message}`)
    })
  return { cert: await read(cert), key: await read(key) }
}

/** Says where it is, who can sign in, and how ipbridge is connected to it. */
function welcome({ url, controlUrl, fingerprint }: Whereabouts, { state }: RunningIpmanager): string {
  const { users } = state()
  const admin = users.find(user => user.level > 16)
  const user = users.find(one => one.level === 16)
  return `A simulated IPmanager 5 is running

  ${url}
  ${controlUrl}   makes it fail and drift
${users.map(({ name, password, level }) => `  ${name} / ${password}   level ${level}`).join('\n')}

Connect ipbridge to it:

  ipbridge connection add --name ipm --driver ipmanager --url ${url} \\
    --login ${user?.name} --password ${user?.password} \\
    --adminlogin ${admin?.name} --adminpassword ${admin?.password}${pinning(fingerprint)}

Ctrl-C stops it.`
}
