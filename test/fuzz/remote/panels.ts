import { expect } from 'vitest'
import type { OpenServer } from '../../../src/db/registry.ts'
import { dcimanager5 } from '../../../src/panels/dcimanager5.ts'
import type { PanelDriver, PanelService } from '../../../src/panels/driver.ts'
import { vdsmanager } from '../../../src/panels/vdsmanager.ts'
import { vmmanager5 } from '../../../src/panels/vmmanager5.ts'
import { vmmanager6 } from '../../../src/panels/vmmanager6/driver.ts'
import { startDcimanager5 } from '../../../src/simulators/dcimanager5/start.ts'
import { startVdsmanager } from '../../../src/simulators/vdsmanager/start.ts'
import { startVmmanager5 } from '../../../src/simulators/vmmanager5/start.ts'
import { startVmmanager6 } from '../../../src/simulators/vmmanager6/start.ts'
import { setups, startPve, token } from '../../helpers/proxmox.ts'
import { openServer } from '../../helpers/servers.ts'
import type { Subject, Through } from './subject.ts'

const never = new AbortController().signal

interface Panel {
  secret: string
  driver(through: Through): PanelDriver
  setup: Record<string, unknown>
  /** Only where the panel makes no guests. */
  addGuest?(): Promise<string>
  close(): Promise<void>
}

type Make = () => Promise<Panel>

const password = 'panel-password'
const patience = { patienceSeconds: 0.1 }

export const panels: Record<string, Make> = {
  async vmmanager5() {
    const panel = await startVmmanager5()
    return guestPanel(panel, vmmanager5, {
      vmi: 'ISPsystem__Debian-12-x86_64',
      preset: 'KVM-1',
      password: 'guest-password',
    })
  },
  async vdsmanager() {
    const panel = await startVdsmanager()
    return guestPanel(panel, vdsmanager, {
      vdspreset: 'OVZ-1',
      disktempl: 'debian-12-x86_64',
      passwd: 'guest-password',
    })
  },
  async dcimanager5() {
    const panel = await startDcimanager5()
    let count = 0
    return {
      ...guestPanel(panel, dcimanager5, {}),
      addGuest: async () => panel.books.add(`by-hand-${count++}`),
    }
  },
  async vmmanager6() {
    const panel = await startVmmanager6()
    const fields = { login: 'admin@example.net', options: { patienceSeconds: 0.2 } }
    return {
      secret: password,
      driver: through => vmmanager6(openServer({ ...fields, url: through(panel.url) })),
      setup: { cluster: 1, os: 12, account: 3, password: 'guest-password' },
      close: panel.stop,
    }
  },
  async proxmox() {
    const pve = await startPve({ kind: 'lxc' })
    return {
      secret: token.password,
      driver: through => pve.driver({ url: through(pve.simulator.url) }),
      setup: setups.lxc,
      close: pve.stop,
    }
  },
}

function guestPanel(
  panel: { url: string; stop(): Promise<void> },
  factory: (server: OpenServer) => PanelDriver,
  setup: Record<string, unknown>,
): Panel {
  return {
    secret: password,
    driver: through => factory(openServer({ url: through(panel.url), options: patience })),
    setup,
    close: panel.stop,
  }
}

/** A panel that is asked to do everything that it can, for a service of its own each time. */
export async function panelSubject(through: Through, make: Make): Promise<Subject> {
  const panel = await make()
  const direct = panel.driver(real => real)
  const garbled = () => panel.driver(through)
  let count = 0
  let address = ''
  let service = await newService()

  async function newService(): Promise<PanelService> {
    count += 1
    const id = `f-${count}`
    address = `192.0.${2 + (count >> 7)}.${2 + (count % 128)}`
    return {
      id,
      kind: 'vps',
      client: 'c-1',
      domain: `${id}.example.net`,
      guest: await panel.addGuest?.(),
      setup: panel.setup,
    }
  }
  const given = () => ({
    address,
    ptr: 'web.example.net',
    main: true,
    network: { prefix: 24, gateway: address.replace(/\d+$/, '1') },
  })
  /** The service with a guest that has its address. */
  async function configured(): Promise<PanelService> {
    const { guest } = await direct.configure(service, given(), never)
    service = { ...service, guest }
    return service
  }

  return {
    secrets: [panel.secret, 'guest-password'],
    calls: {
      configure: signal => garbled().configure(service, given(), signal),
      addresses: async signal => garbled().addresses(await configured(), signal),
      unassign: async signal => garbled().unassign(await configured(), address, signal),
      check: signal => garbled().check(signal),
      async guests(signal) {
        for await (const guest of garbled().guests?.(signal) ?? []) expect(guest.guest).toBeTypeOf('string')
      },
      'set PTR': async signal => garbled().setPtr?.(await configured(), address, 'mail.example.net', signal),
    },
    async settle(call, lied) {
      if (call === 'check' || call === 'guests') return
      // What was asked for may still be under way there: it is asked for again, as a retry would, and nothing else.
      const ready = call === 'unassign' ? service : await configured()
      if (!lied && call !== 'unassign') {
        expect(await direct.addresses(ready, never)).toContain(address)
        const guests = []
        for await (const guest of direct.guests?.(never) ?? []) guests.push(guest)
        expect(guests.filter(guest => guest.addresses.includes(address)).length, 'one guest has it').toBe(1)
      }
      await direct.unassign(ready, address, never)
      expect((await direct.addresses(ready, never)) ?? []).not.toContain(address)
      service = await newService()
    },
    close: panel.close,
  }
}
