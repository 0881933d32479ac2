import type { IncomingMessage, ServerResponse } from 'node:http'
import { z } from 'zod'

/** Where the simulator itself is spoken to. No panel has such a path. */
export const controlPath = '/simulator'

/** What can be called, in groups: `{ faults: { add(fault) {…} } }`. Arguments and results are JSON. */
// biome-ignore lint/suspicious/noExplicitAny: each function has arguments of its own
export type ControlBooks = Record<string, Record<string, (...args: any[]) => unknown>>

/**
 * The control over HTTP, for other processes: `POST /simulator/GROUP/NAME` with the arguments as a JSON array
 * gives `{"result": …}`; `GET /simulator` lists what can be called.
 */
export function answerControl(
  books: ControlBooks,
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  body: string,
): void {
  const reply = (status: number, value: unknown) => {
    const text = `${JSON.stringify(value, (_, one) => (one === undefined ? null : one))}\n`
    response.writeHead(status, {
      'content-type': 'application/json; charset=UTF-8',
      'content-length': Buffer.byteLength(text),
    })
    response.end(text)
  }
  const [group = '', name = ''] = path.slice(controlPath.length + 1).split('/')
  if (group === '') {
    reply(
      200,
      Object.fromEntries(Object.entries(books).map(([key, functions]) => [key, Object.keys(functions)])),
    )
    return
  }
  const functions = Object.hasOwn(books, group) ? books[group] : undefined
  const call = functions && Object.hasOwn(functions, name) ? functions[name] : undefined
  if (!call) {
    reply(404, { error: `there is no ${group}/${name}; GET ${controlPath} lists what there is` })
    return
  }
  // A web page that a browser shows cannot send this type to another site without asking first.
  if (request.method !== 'POST' || !request.headers['content-type']?.startsWith('application/json')) {
    reply(400, { error: 'send a POST with content-type application/json and the arguments as a JSON array' })
    return
  }
  try {
    const args: unknown = JSON.parse(body === '' ? '[]' : body)
    if (!Array.isArray(args)) throw new Error('the body must be a JSON array: the arguments')
    reply(200, { result: call(...args) })
  } catch (error) {
    const text = error instanceof z.ZodError ? z.prettifyError(error) : String((error as Error).message)
    reply(400, { error: text })
  }
}
