import type { Command } from 'commander'
import { wholeNumber } from './numbers.ts'
import { keepRunning, pinning, type Simulated, type Whereabouts } from './simulated.ts'

interface Place {
  host: string
  port: number
  tls?: { cert: string; key: string }
}

interface Simulator {
  about: string
  port: number
  login: string
  /** What a new guest needs; undefined where none are made. */
  setup?: object
  start(place: Place): Promise<Simulated>
}

/** The panels that can be simulated, by the name that a server gives them. Only loaded where one is. */
const simulators: Record<string, Simulator> = {
  vmmanager5: {
    about: 'a VMmanager 5 (KVM) without guests',
    port: 1501,
    login: 'admin',
    setup: { preset: 'KVM-1', vmi: 'Debian-12' },
    start: async place => (await import('../simulators/vmmanager5/start.ts')).startVmmanager5(place),
  },
  vmmanager6: {
    about: 'a VMmanager 6 without guests',
    port: 1506,
    login: 'admin@example.net',
    setup: { cluster: 1, os: 12 },
    start: async place => (await import('../simulators/vmmanager6/start.ts')).startVmmanager6(place),
  },
  vdsmanager: {
    about: 'a VDSmanager 4 without guests',
    port: 1504,
    login: 'admin',
    setup: { vdspreset: 'OVZ-1', passwd: 'guest-password' },
    start: async place => (await import('../simulators/vdsmanager/start.ts')).startVdsmanager(place),
  },
  dcimanager5: {
    about: 'a DCImanager 5 with one server',
    port: 1505,
    login: 'admin',
    async start(place) {
      const panel = await (await import('../simulators/dcimanager5/start.ts')).startDcimanager5(place)
      panel.books.add('rack-1')
      return panel
    },
  },
  proxmox: {
    about: 'a Proxmox VE cluster of two nodes, with one template',
    port: 8006,
    login: 'ipbridge@pve',
    setup: { clone: 9000 },
    async start(place) {
      const { startProxmox, template } = await import('../simulators/proxmox/start.ts')
      const cluster = await startProxmox(place)
      cluster.books.add({ ...template })
      return cluster
    },
  },
}

const password = 'panel-password'

/** `simulate vmmanager5` and so on: control panels, to try how guests get their addresses. */
export function addPanelSimulators(simulate: Command): void {
  for (const [name, simulator] of Object.entries(simulators)) {
    simulate
      .command(name)
      .description(simulator.about)
      .option('--host <address>', 'where it listens', '127.0.0.1')
      .option('--port <number>', 'its port; 0 takes a free one', wholeNumber(65_535), simulator.port)
      .option('--http', 'plain HTTP, without a certificate')
      .option('--json', 'say in JSON where it is')
      .action(flags => run(name, simulator, flags))
  }
}

function run(
  name: string,
  simulator: Simulator,
  { host, port, http, json }: { host: string; port: number; http?: true; json?: true },
): Promise<void> {
  return keepRunning(
    async () => {
      const tls = http ? undefined : await ownCertificate(host)
      const panel = await simulator.start({ host, port, ...(tls && { tls }) })
      return { panel, fingerprint: tls?.fingerprint }
    },
    json,
    where => welcome(name, simulator, where),
  )
}

async function ownCertificate(host: string) {
  const { createCertificate } = await import('../simulators/coremanager/certificate.ts')
  return createCertificate({ names: ['localhost', '127.0.0.1', '::1', host] })
}

/** Says where it is, who can sign in, and how ipbridge is connected to it. */
function welcome(
  name: string,
  { about, login, setup }: Simulator,
  { url, controlUrl, fingerprint }: Whereabouts,
): string {
  const guest = setup === undefined ? 'service.guest=1' : `'service.setup=${JSON.stringify(setup)}'`
  return `Simulated: ${about}

  ${url}
  ${controlUrl}   what there is, and how to make it fail
  ${login} / ${password}

Connect ipbridge to it, and let billing open a service:

  ipbridge server add --name sim --panel ${name} --url ${url} \\
    --login ${login} --password ${password}${pinning(fingerprint)}
  ipbridge event service.created service.id=1 service.kind=vps service.client=c1 \\
    service.domain=shop.example.net service.server=sim ${guest}

Ctrl-C stops it.`
}
