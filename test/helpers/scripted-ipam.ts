import type { IpamFactory } from '../../src/ipam/connections.ts'
import type { IpamDriver } from '../../src/ipam/driver.ts'
import { memoryIpam } from '../../src/ipam/memory.ts'
import { admin } from './api.ts'
import type { TestApp } from './app.ts'

/** The calls that change an IPAM or look into it, one at a time. */
type Call = 'findByMarker' | 'request' | 'setPtr' | 'release' | 'read'
type Script = (call: Call, signal: AbortSignal) => Promise<void>

/** An IPAM outside the ledger, of which a test says what happens before each call. */
export function scriptedIpam(cidr = '192.0.2.0/24') {
  const memory = memoryIpam({ pools: { v4: cidr } })
  const calls: Call[] = []
  let script: Script = async () => {}
  let epilogue: Script = async () => {}

  async function before(call: Call, signal: AbortSignal): Promise<void> {
    calls.push(call)
    await script(call, signal)
  }

  const driver: IpamDriver = {
    ...memory,
    name: 'scripted',
    async findByMarker(marker, signal) {
      await before('findByMarker', signal)
      return memory.findByMarker(marker, signal)
    },
    async read(address, signal) {
      await before('read', signal)
      return memory.read(address, signal)
    },
    async request(want, signal) {
      await before('request', signal)
      const record = await memory.request(want, signal)
      await epilogue('request', signal)
      return record
    },
    async setPtr(held, ptr, signal) {
      await before('setPtr', signal)
      return memory.setPtr(held, ptr, signal)
    },
    async release(held, signal) {
      await before('release', signal)
      return memory.release(held, signal)
    },
  }
  return {
    records: memory.records,
    /** What was asked of it, in order. */
    calls,
    drivers: { scripted: () => driver } satisfies Record<string, IpamFactory>,
    /** Says what happens before each call from now on: wait, throw, or nothing. */
    play(next: Script): void {
      script = next
    },
    /** Says what happens between a request and its answer from now on. */
    playAfter(next: Script): void {
      epilogue = next
    },
  }
}

/** A connection to the scripted IPAM, and a server whose addresses come from it. */
export async function furnishScripted(app: TestApp): Promise<void> {
  await app.desk.connections.add(admin, { name: 'scripted', driver: 'scripted' })
  await app.desk.servers.add(admin, { name: 'node1', panel: 'none', connection: 'scripted' })
}

/** Waits until the signal is aborted, as a call does whose answer never comes. */
export function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
