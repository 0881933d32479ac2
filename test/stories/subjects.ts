import { dcimanager5 } from '../../src/panels/dcimanager5.ts'
import { proxmox } from '../../src/panels/proxmox/driver.ts'
import type { PanelFactory } from '../../src/panels/servers.ts'
import { vdsmanager } from '../../src/panels/vdsmanager.ts'
import { vmmanager5 } from '../../src/panels/vmmanager5.ts'
import { vmmanager6 } from '../../src/panels/vmmanager6/driver.ts'
import { startDcimanager5 } from '../../src/simulators/dcimanager5/start.ts'
import type { GuestPanel } from '../../src/simulators/guests/start.ts'
import { startVdsmanager } from '../../src/simulators/vdsmanager/start.ts'
import { startVmmanager5 } from '../../src/simulators/vmmanager5/start.ts'
import { startVmmanager6 } from '../../src/simulators/vmmanager6/start.ts'
import { account, type GuestKind, pace, setups, startPve, token } from '../helpers/proxmox.ts'
import type { Subject, SubjectPanel } from './subject.ts'

/** Every system that the vendor's integration names, and today's successors. */
export const subjects: Subject[] = [
  {
    name: 'VMmanager 5 (KVM)',
    start: async () =>
      coreManager(await startVmmanager5(), vmmanager5, 'vmmanager5', { preset: 'KVM-1', vmi: 'Debian-12' }),
  },
  {
    name: 'VMmanager 5 (OVZ)',
    start: async () =>
      coreManager(await startVmmanager5({ mgr: 'vemgr' }), vmmanager5, 'vmmanager5', {
        preset: 'OVZ-1',
        vmi: 'Debian-12',
      }),
  },
  {
    name: 'VDSmanager 4',
    start: async () =>
      coreManager(await startVdsmanager(), vdsmanager, 'vdsmanager', {
        vdspreset: 'OVZ-1',
        disktempl: 'debian-6',
        passwd: 'guest-password',
      }),
  },
  {
    name: 'DCImanager 5',
    async start() {
      const panel = await startDcimanager5()
      const addGuest = async () => panel.books.add('rack-3-unit-7')
      return { ...coreManager(panel, dcimanager5, 'dcimanager5', {}), addGuest }
    },
  },
  { name: 'VMmanager 6', start: startSixth },
  { name: 'Proxmox VE (LXC)', start: () => startProxmox('lxc') },
  { name: 'Proxmox VE (QEMU)', start: () => startProxmox('qemu') },
  { name: 'Proxmox VE (OpenVZ)', start: () => startProxmox('openvz') },
]

function coreManager(
  panel: GuestPanel,
  factory: PanelFactory,
  name: string,
  setup: Record<string, unknown>,
): SubjectPanel {
  return {
    factory,
    server: { panel: name, url: panel.url, login: 'admin', password: 'panel-password' },
    setup,
    failNext: () =>
      void panel.faults.add({
        what: 'error',
        submit: true,
        times: 1,
        error: { type: 'lock', object: 'vm' },
      }),
    guests: async () =>
      panel.books.guests().map(({ id, addresses }) => ({ id, addresses: addresses.map(({ ip }) => ip) })),
    ptrOf: async (guest, address) =>
      panel.books.look(guest)?.addresses.find(({ ip }) => ip === address)?.ptr || undefined,
    remember: panel.remember,
    stop: panel.stop,
  }
}

async function startSixth({ atOnce = false } = {}): Promise<SubjectPanel> {
  const panel = await startVmmanager6(atOnce ? { behaviour: { taskMs: 0 } } : {})
  return {
    factory: vmmanager6,
    server: {
      panel: 'vmmanager6',
      url: panel.url,
      login: 'admin@example.net',
      password: 'panel-password',
    },
    setup: { cluster: 1, os: 12 },
    failNext: () => panel.faults.add({ what: 'status', status: 503, on: 'change', times: 1 }),
    guests: async () =>
      panel.books.hosts().map(({ id, addresses }) => ({ id, addresses: addresses.map(({ ip }) => ip) })),
    ptrOf: async (guest, address) =>
      panel.books.look(guest)?.addresses.find(({ ip }) => ip === address)?.ptr || undefined,
    remember: panel.remember,
    stop: panel.stop,
  }
}

async function startProxmox(kind: GuestKind): Promise<SubjectPanel> {
  const old = kind === 'openvz'
  const pve = await startPve({
    kind,
    version: old ? '3.4' : '9.1.3',
    credentials: old ? account : token,
  })
  const { panel, url, login, password } = pve.fields
  return {
    factory: server => proxmox(server, pace),
    server: { panel, url, login, password },
    setup: setups[kind],
    failNext: () => pve.simulator.faults.place('busy', 'change'),
    guests: async () =>
      pve.guests().map(({ vmid }) => ({ id: String(vmid), addresses: pve.addressesOf(vmid) })),
    remember: pve.simulator.remember,
    stop: pve.stop,
  }
}
