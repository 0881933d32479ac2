import { randomBytes } from 'node:crypto'
import type { IpbridgeError } from '../errors.ts'
import { orAborted } from '../http/or-aborted.ts'

/** Three ways to sign in (facts, section 1.2). */
export const signInModes = ['authinfo', 'session', 'key'] as const
export type SignInMode = (typeof signInModes)[number]

export interface Account {
  login: string
  password: string
}

/** What a sign-in needs of the panel: one call without any credentials but those in its parameters. */
export interface Door {
  /** @returns the session's id, and the level of the account where the panel tells it */
  enter(params: Record<string, string>, signal: AbortSignal): Promise<Entry>
  /** Lets an administrator make a one-time key for a user. */
  giveKey?(username: string, key: string, signal: AbortSignal): Promise<void>
}

export interface Entry {
  session: string
  /** 30 root, 29 administrator, 16 user, 9 mailbox. */
  level?: number
}

export type Credentials = ReturnType<typeof createCredentials>

/** After a refusal the account is left alone for so long, so that a wrong password does not lock it. */
const restMs = 30_000

/**
 * What an account puts into its calls. Sessions are shared by all calls, and renewed once when they end.
 * @param now a clock in milliseconds that only goes forward
 */
export function createCredentials(
  { login, password }: Account,
  mode: SignInMode,
  door: Door,
  now: () => number = () => performance.now(),
) {
  let current: Promise<string> | undefined
  let known = ''
  let refused: { until: number; error: IpbridgeError } | undefined

  async function signIn(): Promise<string> {
    // Shared by all who wait for it, so no single caller can call it off; the time-outs of HTTP bound it.
    const { signal } = new AbortController()
    const entry = await enter(signal)
    known = entry.session
    return entry.session
  }

  async function enter(signal: AbortSignal): Promise<Entry> {
    if (mode !== 'key' || door.giveKey === undefined) {
      return door.enter({ username: login, password }, signal)
    }
    const key = randomBytes(24).toString('hex')
    await door.giveKey(login, key, signal)
    return door.enter({ username: login, key, checkcookie: 'no' }, signal)
  }

  return {
    login,
    /** What must never be shown. */
    secrets: () => [password, known].filter(secret => secret.length > 2),

    /** The parameters that go along with a call. */
    async params(signal: AbortSignal): Promise<Record<string, string>> {
      if (refused && now() < refused.until) throw refused.error
      if (mode === 'authinfo') return { authinfo: `${login}:${password}` }
      current ??= signIn()
      try {
        return { auth: await orAborted(current, signal) }
      } catch (error) {
        if (!signal.aborted) current = undefined
        throw error
      }
    },

    /** Called when the panel no longer knows a session. @returns whether a new sign-in is worth a try */
    async ended(params: Record<string, string>): Promise<boolean> {
      if (mode === 'authinfo') return false
      const session = await current?.catch(() => undefined)
      if (session === params['auth']) current = undefined
      return true
    },

    /** Called when the panel does not accept the account. */
    refuse(error: IpbridgeError): void {
      current = undefined
      refused = { until: now() + restMs, error }
    },

    /** Signs in anew whatever the mode, which shows the level of the account, and that it is accepted (again). */
    async enter(signal: AbortSignal): Promise<Entry> {
      const entry = await enter(signal)
      refused = undefined
      return entry
    },
  }
}
