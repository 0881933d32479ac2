import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { IpbridgeError } from '../errors.ts'

/** How much is held at once; whatever comes beyond is sent away at once and told when to come back. */
export interface Crowd {
  /** Requests that are being answered, those that wait for their operations included. */
  requests: number
  /** Bytes of the bodies of these. */
  bytes: number
  /** Open connections; twice as many are listened to, to be told so. */
  connections: number
}

export const usualCrowd: Crowd = { requests: 2_000, bytes: 128 * 1024 * 1024, connections: 4_000 }

/** When whoever was sent away may come back. */
const retryAfterMs = 2_000

/**
 * Bounds what one process holds at once. The hook is to run once the caller is known, so that strangers, whose bodies
 * are not read, take nobody's place.
 */
export function boundCrowd(app: FastifyInstance, most: Crowd) {
  const surplus = new WeakSet<object>()
  let connections = 0
  let requests = 0
  let bytes = 0

  app.server.maxConnections = most.connections * 2
  app.server.on('connection', socket => {
    connections += 1
    if (connections > most.connections) surplus.add(socket)
    socket.once('close', () => {
      connections -= 1
    })
  })

  function sendAway(what: string): never {
    throw new IpbridgeError('overloaded', `${what}; come back later`, { retryAfterMs })
  }

  return async function enter(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    if (surplus.has(request.raw.socket)) {
      reply.header('connection', 'close')
      sendAway(`there are ${most.connections} connections already`)
    }
    const weight = weightOf(request)
    if (requests >= most.requests) sendAway(`${most.requests} requests are being answered already`)
    if (bytes + weight > most.bytes) sendAway('the requests that are being answered are too long together')
    requests += 1
    bytes += weight
    let left = false
    const leave = () => {
      if (left) return
      left = true
      requests -= 1
      bytes -= weight
    }
    reply.raw.once('finish', leave).once('close', leave)
  }
}

/** The most that a body can come to. */
function weightOf({ headers, routeOptions }: FastifyRequest): number {
  if (headers['transfer-encoding'] !== undefined) return routeOptions.bodyLimit
  return Math.min(Number(headers['content-length'] ?? 0), routeOptions.bodyLimit)
}
