import { createSocket, type Socket } from 'node:dgram'
import { toBigInt } from '../../src/domain/address.ts'

/** A name server that answers A and AAAA questions (RFC 1035, section 4), and nothing else. */
export interface NameServer {
  /** As resolvers want it. */
  address: string
  /** What names lead to; a name that is not there does not exist. `undefined`: no answer at all. */
  names: Map<string, string[] | undefined>
  stop(): Promise<void>
}

export async function startNameServer(): Promise<NameServer> {
  const names: NameServer['names'] = new Map()
  const socket = createSocket('udp4')
  socket.on('message', (query, from) => {
    const reply = answer(query, names)
    if (reply) socket.send(reply, from.port, from.address)
  })
  await new Promise<void>(resolve => socket.bind(0, '127.0.0.1', resolve))
  return {
    address: `127.0.0.1:${(socket as Socket).address().port}`,
    names,
    stop: () => new Promise(resolve => socket.close(() => resolve())),
  }
}

const types = { A: 1, AAAA: 28 }

function answer(query: Buffer, names: NameServer['names']): Buffer | undefined {
  const { name, end } = questionOf(query)
  const type = query.readUInt16BE(end)
  if (names.has(name) && names.get(name) === undefined) return undefined
  const isV6 = type === types.AAAA
  const addresses = (names.get(name) ?? []).filter(address => address.includes(':') === isV6)
  const header = Buffer.from(query.subarray(0, 12))
  // A reply, with recursion; 3: there is no such name.
  header.writeUInt16BE(0x8180 | (names.has(name) ? 0 : 3), 2)
  header.writeUInt16BE(addresses.length, 6)
  header.writeUInt32BE(0, 8)
  const records = addresses.map(address => {
    const data = Buffer.from(
      toBigInt(address)
        .toString(16)
        .padStart(isV6 ? 32 : 8, '0'),
      'hex',
    )
    const record = Buffer.alloc(12)
    record.writeUInt16BE(0xc00c, 0)
    record.writeUInt16BE(type, 2)
    record.writeUInt16BE(1, 4)
    record.writeUInt32BE(60, 6)
    record.writeUInt16BE(data.length, 10)
    return Buffer.concat([record, data])
  })
  return Buffer.concat([header, query.subarray(12, end + 4), ...records])
}

function questionOf(query: Buffer): { name: string; end: number } {
  const labels: string[] = []
  let at = 12
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('ascii', at + 1, at + 1 + length))
    at += length + 1
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 }
}
