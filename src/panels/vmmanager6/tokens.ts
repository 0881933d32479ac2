import { IpbridgeError } from '../../errors.ts'
import type { HttpClient } from '../../http/client.ts'
import { noAnswer } from '../../http/failures.ts'
import { orAborted } from '../../http/or-aborted.ts'
import { messageOf, readJson } from './answer.ts'

/** After a refusal the account is left alone for so long, so that a wrong password does not lock it. */
const restMs = 30_000

export type Tokens = ReturnType<typeof createTokens>

/**
 * Signs in, and keeps the token that all calls share (facts: ISPsystem docs, VMmanager 6 API): it is good for an hour.
 * @param now a clock in milliseconds that only goes forward
 */
export function createTokens(
  http: HttpClient,
  account: { login: string; password: string },
  now: () => number = () => performance.now(),
) {
  const { login, password } = account
  let current: Promise<string> | undefined
  let refused: { until: number; error: IpbridgeError } | undefined

  async function signIn(): Promise<string> {
    // Shared by all who wait for it, so no single caller can call it off; the time-outs of HTTP bound it.
    const { signal } = new AbortController()
    const { status, text } = await http.send(
      {
        path: '/auth/v4/public/token',
        json: { email: login, password },
        changes: false,
        accepts: status => status < 300 || status === 400 || status === 401 || status === 403,
      },
      signal,
    )
    const { whom } = http.target
    if (status >= 400) throw refuse(messageOf(text).replaceAll(password, '[secret]'))
    const { token } = readJson(http.target, text, false)
    if (typeof token === 'string' && token !== '') return token
    throw noAnswer({ whom, side: 'panel' }, 'it accepted the sign-in, but gave no token', false)
  }

  function refuse(told: string): IpbridgeError {
    const why = `does not accept the e-mail address ${login} and its password${told === '' ? '' : `; it says ${told}`}`
    const error = new IpbridgeError('bad_credentials', `${http.target.whom} ${why}`)
    current = undefined
    refused = { until: now() + restMs, error }
    return error
  }

  async function get(signal: AbortSignal): Promise<string> {
    if (refused && now() < refused.until) throw refused.error
    current ??= signIn()
    const mine = current
    try {
      return await orAborted(mine, signal)
    } catch (error) {
      if (current === mine && !signal.aborted) current = undefined
      throw error
    }
  }

  return {
    get,

    /** Called when the panel no longer knows a token, so that the next call signs in anew. */
    async end(token: string): Promise<void> {
      const known = await current?.catch(() => undefined)
      if (known === token) current = undefined
    },

    /** Called when it does not accept what we have just signed in for. @returns the error to throw */
    refuse,

    /** Signs in anew, whatever was refused before. */
    async renew(signal: AbortSignal): Promise<void> {
      refused = undefined
      current = undefined
      await get(signal)
    },
  }
}
