import { randomUUID } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { IpbridgeError } from '../errors.ts'
import { problemType, toProblem } from './problem.ts'

/**
 * Answers what is no HTTP request, or none that ends in time: with a problem, as everything else that goes wrong. The
 * rest of the connection cannot be made sense of, so it is closed.
 */
export function answerUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  if (!socket.writable) return void socket.destroy(error)
  const { status, message } = refusalOf(error)
  const problem = { ...toProblem(new IpbridgeError('malformed_request', message), randomUUID()), status }
  const body = JSON.stringify(problem)
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `content-type: ${problemType}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'cache-control: no-store',
    'connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy())
}

function refusalOf({ code }: NodeJS.ErrnoException): { status: number; message: string } {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return { status: 408, message: 'the request did not arrive in time' }
  if (code === 'HPE_HEADER_OVERFLOW') return { status: 431, message: 'the head of the request is too long' }
  return { status: 400, message: 'this is not an HTTP/1.1 request' }
}
