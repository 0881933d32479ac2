import { afterAll, expect } from 'vitest'
import { account, type GuestKind, setups, startPve, token } from '../helpers/proxmox.ts'
import { panelContract } from './panel.ts'

// OpenVZ is of a time before API tokens, so its driver signs in with a password.
const subjects = [
  { kind: 'lxc', version: '9.1.3', credentials: token, applied: 'now' },
  { kind: 'qemu', version: '9.1.3', credentials: token, applied: 'on reboot' },
  { kind: 'openvz', version: '3.4', credentials: account, applied: 'now' },
] as const

const refused: string[] = []
afterAll(() => expect(refused, 'requests that the schema does not allow').toEqual([]))

for (const { kind, applied, ...cluster } of subjects) {
  panelContract({
    name: 'proxmox',
    about: kind,
    abilities: { setsUp: true, ptr: false, guests: true },
    applied,
    network: true,
    noticesStale: true,
    setup: setups[kind satisfies GuestKind],
    async make() {
      const pve = await startPve({ kind, ...cluster })
      const { simulator } = pve
      return {
        driver: pve.driver(),
        addGuest: async () => String(pve.addGuest().vmid),
        removeGuest: async guest => void simulator.books.guests.delete(Number(guest)),
        guests: async () => pve.guests().map(({ vmid }) => String(vmid)),
        addressesOf: async guest => pve.addressesOf(guest),
        remote: {
          fail: (fault, on, nth) => simulator.faults.place(fault, on, nth),
          heal: () => simulator.faults.heal(),
          wrongPassword: () => ({
            driver: pve.driver({ password: 'not the secret' }),
            password: 'not the secret',
          }),
          unreachable: () => pve.driver({ url: 'http://127.0.0.1:9' }),
        },
        async close() {
          refused.push(...simulator.refused)
          await pve.stop()
        },
      }
    },
  })
}
