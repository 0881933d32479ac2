import type { IncomingMessage, ServerResponse } from 'node:http'
import { answerControl, type ControlBooks, controlPath } from '../coremanager/control.ts'
import { cookieOf, readBody } from '../coremanager/request.ts'
import { type ListenOptions, listen } from '../listen.ts'
import type { Fault, Faults } from './faults.ts'
import { answer, type Panel } from './functions.ts'
import { Refused } from './refusal.ts'
import type { Tokens } from './tokens.ts'

interface ServerOptions extends ListenOptions {
  panel: Panel
  tokens: Tokens
  faults: Faults
  control: ControlBooks
}

interface Reply {
  status: number
  body: unknown
}

const refusal = (status: number, code: number, msg: string): Reply => ({
  status,
  body: { error: { code, msg } },
})

/** The panel on a socket of its own, with the simulator's control beside it. */
export function serve({ panel, tokens, faults, control, ...place }: ServerOptions) {
  function signIn(body: Record<string, unknown>): Reply {
    const token = tokens.give(body['email'], body['password'])
    if (token === undefined) return refusal(401, 1003, 'Invalid e-mail or password')
    return { status: 201, body: { id: '1', token, confirmed: true, expires_at: null } }
  }

  function act(request: IncomingMessage, url: URL, body: Record<string, unknown>, fault?: Fault): Reply {
    const token = cookieOf(request, 'ses6')
    if (token !== request.headers['x-xsrf-token'] || !tokens.isGood(token)) {
      return refusal(401, 1001, 'Unauthorized')
    }
    const asked = {
      method: request.method ?? 'GET',
      path: url.pathname,
      where: url.searchParams.get('where'),
      body,
    }
    const spoiled = fault?.what === 'says-ok' ? 'nothing' : fault?.what === 'task-fails' ? 'fails' : undefined
    try {
      return { status: 200, body: answer(panel, asked, spoiled) }
    } catch (error) {
      if (error instanceof Refused) return refusal(error.status, error.code, error.message)
      throw error
    }
  }

  return listen(place, async (request, response, url) => {
    const text = await readBody(request)
    panel.tasks.settle()
    if (url.pathname.startsWith(controlPath)) {
      answerControl(control, request, response, url.pathname, text ?? '')
      return
    }
    const body = readJson(text)
    if (body === undefined) return send(response, refusal(400, 1002, 'The body is no JSON object'))
    if (url.pathname === '/auth/v4/public/token') return send(response, signIn(body))
    const on = request.method === 'GET' ? 'read' : 'change'
    const fault = url.pathname === '/vm/v3/task' ? undefined : faults.strike(on)
    if (fault?.what === 'tokens-end') tokens.endAll()
    const prevented = fault && preventing.has(fault.what) && !fault.afterEffect
    const reply = prevented ? undefined : act(request, url, body, fault)
    spoil(response, reply, fault)
  })
}

const preventing: ReadonlySet<Fault['what']> = new Set([
  'status',
  'refuses',
  'drop',
  'empty-body',
  'html',
  'silence',
])

function spoil(response: ServerResponse, reply: Reply | undefined, fault: Fault | undefined): void {
  switch (fault?.what) {
    case 'drop':
      response.socket?.destroy()
      return
    case 'silence':
      return
    case 'empty-body':
      response.end('')
      return
    case 'status':
    case 'html':
      response.writeHead(fault.what === 'html' ? 200 : (fault.status ?? 503), {
        'content-type': 'text/html; charset=UTF-8',
      })
      response.end('<!DOCTYPE html><html><body>The service is not available.</body></html>')
      return
    case 'refuses': {
      const { status = 400, code = 3_011, message = 'The host is locked by another task' } = fault
      send(response, refusal(status, code, message))
      return
    }
  }
  send(response, reply ?? refusal(500, 1, 'Internal error'))
}

function send(response: ServerResponse, { status, body }: Reply): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=UTF-8' })
  response.end(JSON.stringify(body))
}

function readJson(text: string | undefined): Record<string, unknown> | undefined {
  if (text === '') return {}
  try {
    const value: unknown = JSON.parse(text ?? '')
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}
