import { describe, expect, it } from 'vitest'
import { IpbridgeError } from '../../../src/errors.ts'
import type { Fault, Target } from '../../../src/simulators/proxmox/faults.ts'
import { outcomeOf } from '../../contract/failures.ts'
import { account, type GuestKind, usePve } from '../../helpers/proxmox.ts'

const [one, two] = ['192.0.2.10', '192.0.2.11']

// What Proxmox VE does beyond what all panels do; test/contract has the rest.
const faults: Fault[] = ['locked', 'migrated', 'unreachable', 'unauthorised']
const cases = faults.flatMap(fault =>
  (['change', 'read'] as Target[]).flatMap(on => [1, 2, 3, 4].map(nth => ({ fault, on, nth }))),
)
const kinds: { kind: GuestKind; version: string }[] = [
  { kind: 'lxc', version: '9.1.3' },
  { kind: 'qemu', version: '9.1.3' },
  { kind: 'openvz', version: '3.4' },
]

describe.each(kinds)('when something comes between ($kind)', ({ kind, version }) => {
  const cluster = usePve({ kind, version, credentials: account })

  it.each(cases)(
    'an address is given and taken in the end ($fault, at $on $nth)',
    async ({ fault, on, nth }) => {
      const { simulator } = cluster.pve
      const guest = cluster.pve.addGuest()
      const service = cluster.service(guest)
      const driver = cluster.pve.driver()
      const has = () => cluster.pve.addressesOf(guest.vmid)
      await cluster.give(service, one, driver)

      async function inTheEnd(work: () => Promise<unknown>, wanted: string[]) {
        simulator.faults.place(fault, on, nth)
        const first = await outcomeOf(work())
        simulator.faults.heal()
        // A guest that moved is followed, and a ticket that ended is renewed, in the same try.
        if (fault === 'migrated' || fault === 'unauthorised') expect(first).not.toBeInstanceOf(IpbridgeError)
        if (first instanceof IpbridgeError) expect(first.retry).toBe('later')
        else expect(has()).toEqual(wanted)
        await work()
        expect(has()).toEqual(wanted)
      }
      await inTheEnd(() => cluster.give(service, two, driver), [one, two])
      await inTheEnd(() => cluster.take(service, two, driver), [one])
    },
  )
})
