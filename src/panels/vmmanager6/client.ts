import { IpbridgeError } from '../../errors.ts'
import type { HttpClient } from '../../http/client.ts'
import { noAnswer } from '../../http/failures.ts'
import { isObject, type Json, listOf, messageOf, readJson } from './answer.ts'
import type { Tokens } from './tokens.ts'

export type Vmmanager6 = ReturnType<typeof createVmmanager6>

interface Call {
  method: 'GET' | 'POST' | 'DELETE'
  path: string
  query?: Record<string, string>
  body?: Json
}

/** Statuses whose body says what went wrong. The others speak for themselves. */
const speaking = [400, 404, 409, 422, 500]

/**
 * The interface of VMmanager 6 (facts: ISPsystem docs, VMmanager 6 API): JSON over HTTP, whose statuses mean what they
 * say. A token goes along in a header and in a cookie.
 * @param busyCodes the error codes that mean "not now"
 */
export function createVmmanager6(http: HttpClient, tokens: Tokens, busyCodes: readonly number[]) {
  const { target } = http

  async function call({ method, path, query, body }: Call, signal: AbortSignal): Promise<Json> {
    const changes = method !== 'GET'
    for (let renewed = false; ; renewed = true) {
      const token = await tokens.get(signal)
      const request = {
        method,
        path,
        changes,
        headers: { 'x-xsrf-token': token, cookie: `ses6=${token}` },
        ...(query ? { query } : {}),
        ...(method === 'POST' ? { json: body ?? {} } : {}),
        accepts: (status: number) => status < 300 || status === 401 || speaking.includes(status),
      }
      const { status, text } = await http.send(request, signal)
      if (status === 401) {
        await tokens.end(token)
        if (renewed) throw tokens.refuse(messageOf(text))
        continue
      }
      const answer = readJson(target, text, changes)
      if (status >= 300 || isObject(answer['error'])) throw failureOf(answer, status, { path, changes })
      return answer
    }
  }

  /** `{"error": {"code": …, "msg": …}}` as one of our errors. */
  function failureOf(answer: Json, status: number, { path, changes }: { path: string; changes: boolean }) {
    const error = isObject(answer['error']) ? answer['error'] : {}
    const told = messageOf(JSON.stringify(answer)) || `HTTP ${status}`
    if (busyCodes.includes(Number(error['code']))) {
      return new IpbridgeError('panel_unavailable', `${target.whom} is busy: ${told}`)
    }
    if (status >= 500) return noAnswer(target, `it failed inside at ${path}; it says ${told}`, changes)
    return new IpbridgeError('panel_refused', `${target.whom} refused ${path}; it says ${told}`)
  }

  return {
    target,

    /** The rows of a list. @param where a filter, such as `id EQ 5` */
    async list(path: string, where: string | undefined, signal: AbortSignal): Promise<Json[]> {
      const query = where === undefined ? {} : { query: { where } }
      return listOf(target, await call({ method: 'GET', path, ...query }, signal), path)
    },

    get: (path: string, signal: AbortSignal): Promise<Json> => call({ method: 'GET', path }, signal),

    /** @returns the number of the task that does it; undefined where it is done already */
    async change(
      method: 'POST' | 'DELETE',
      path: string,
      body: Json | undefined,
      signal: AbortSignal,
    ): Promise<number | undefined> {
      const answer = await call({ method, path, ...(body ? { body } : {}) }, signal)
      const task = Number(answer['task'])
      if (task > 0) return task
      if (answer['id'] !== undefined || answer['deleted'] !== undefined) return undefined
      throw noAnswer(target, `it did not confirm ${path}`, true)
    },
  }
}
