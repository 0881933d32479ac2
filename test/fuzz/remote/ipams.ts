import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { Marker } from '../../../src/domain/marker.ts'
import type { IpamDriver } from '../../../src/ipam/driver.ts'
import { startIpmanager } from '../../helpers/ipmanager.ts'
import { panelWith } from '../../helpers/ipmanager-app.ts'
import { driverFor, notesInMemory } from '../../helpers/ipmanager-driver.ts'
import type { Subject, Through } from './subject.ts'

const never = new AbortController().signal

/** IPmanager 5, told in one of its formats. */
export async function ipmanagerSubject(through: Through, format: 'json' | 'xml'): Promise<Subject> {
  const panel = await startIpmanager(panelWith('10.0.0.0/16'))
  const notes = notesInMemory()
  const options = { format, groups: ['public'] }
  const driver = (url: string): IpamDriver => driverFor(url, { options }, notes)
  const direct = driver(panel.url)
  const garbled = () => driver(through(panel.url))
  let held = await take()
  let wanted: Marker = held.marker

  async function take() {
    const marker: Marker = `ipb:${randomUUID()}`
    const { address } = await direct.request({ marker, family: 4, owner: 'standing' }, never)
    return { marker, address }
  }

  return {
    secrets: ['bill-password', 'admin-password'],
    calls: {
      find: signal => garbled().findByMarker(held.marker, signal),
      read: signal => garbled().read(held.address, signal),
      list: async signal => {
        for await (const record of garbled().list(signal)) expect(record.address).toBeTypeOf('string')
      },
      check: signal => garbled().check(signal),
      'set PTR': signal => garbled().setPtr(held, 'a.example.net', signal),
      release: signal => garbled().release(held, signal),
      async request(signal) {
        wanted = `ipb:${randomUUID()}`
        const record = await garbled().request(
          { marker: wanted, family: 4, owner: 'new', ptr: 'b.example.net' },
          signal,
        )
        expect(record.address).toBeTypeOf('string')
        return record
      },
    },
    async settle(call, lied) {
      if (call === 'set PTR') {
        await direct.setPtr(held, 'a.example.net', never)
        expect((await direct.read(held.address, never))?.ptr).toBe('a.example.net')
      }
      if (call === 'release') {
        await direct.release(held, never)
        expect(await direct.findByMarker(held.marker, never)).toBeUndefined()
        held = await take()
      }
      if (call === 'request') {
        const grant = { marker: wanted, family: 4 as const, owner: 'new' }
        const { address } = (await direct.findByMarker(wanted, never)) ?? (await direct.request(grant, never))
        await direct.release({ address, marker: wanted }, never)
        if (!lied) expect(await direct.findByMarker(wanted, never), 'granted once').toBeUndefined()
      }
    },
    close: () => panel.stop(),
  }
}
