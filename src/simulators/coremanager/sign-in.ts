import { type Accounts, isFrom } from './accounts.ts'
import { el } from './element.ts'
import { type Account, type Call, levels, type Outcome } from './panel.ts'
import { PanelError } from './panel-error.ts'
import type { Sessions } from './sessions.ts'

/** A request as far as signing in looks at it. */
export interface Caller {
  params: URLSearchParams
  remote: string
  /** The session that the cookie names. */
  cookie: string | undefined
}

const badPassword = (remote: string): PanelError =>
  new PanelError({ type: 'auth', object: 'badpassword', value: `remote_addr: [${remote}]` })

/** The three ways to sign in to a COREmanager panel (the fact sheet, 1.2). */
export function createSignIn<A extends Account>(
  accounts: Accounts<A>,
  sessions: Sessions,
  rules: { restrictAuthinfo?: readonly string[] | undefined } = {},
) {
  /** Whether an account may sign in from a network address, in that way. */
  function mayComeFrom({ apiFrom, panelFrom }: A, remote: string, way: 'authinfo' | 'session'): boolean {
    if (!isFrom(panelFrom, remote)) return false
    return way === 'session' || (isFrom(apiFrom, remote) && isFrom(rules.restrictAuthinfo, remote))
  }

  function opened(account: A, remote: string): { id: string; outcome: Outcome } {
    const id = sessions.open(account.name, remote)
    const auth = el('auth', id, { id, level: String(account.level) })
    return { id, outcome: { kind: 'form', content: [auth], fields: [] } }
  }

  function identify({ params, remote, cookie }: Caller): A {
    const authinfo = params.get('authinfo')
    if (authinfo !== null) {
      const colon = authinfo.indexOf(':')
      const account = accounts.check(authinfo.slice(0, Math.max(colon, 0)), authinfo.slice(colon + 1))
      if (!account || !mayComeFrom(account, remote, 'authinfo')) throw badPassword(remote)
      return account
    }
    const name = sessions.use(params.get('auth') ?? cookie ?? '', remote)
    const account = name === undefined ? undefined : accounts.find(name)
    if (!account) throw new PanelError({ type: 'auth', object: 'session' })
    return account
  }

  return {
    /** `func=auth`: with a password, or with a key that an administrator has laid down. */
    auth({ params, remote }: Caller) {
      const name = params.get('username') ?? ''
      const key = params.get('key')
      if (key !== null) {
        const account = accounts.find(name)
        if (!account || !sessions.takeKey(name, key) || !mayComeFrom(account, remote, 'session'))
          throw badPassword(remote)
        return opened(account, remote)
      }
      const account = accounts.check(name, params.get('password') ?? '')
      if (!account || !mayComeFrom(account, remote, 'session')) throw badPassword(remote)
      return opened(account, remote)
    },

    /** `func=session.newkey`: the key for one `auth` as somebody else. */
    newKey({ params, account }: Call<A>): Outcome {
      const [name, key] = [params.get('username') ?? '', params.get('key') ?? '']
      const other = accounts.find(name)
      if (!other) throw new PanelError({ type: 'missed', object: 'user', value: name })
      if (other.level > account.level) throw new PanelError({ type: 'access', object: 'session.newkey' })
      if (key.length < 16) throw new PanelError({ type: 'value', object: 'key' })
      sessions.putKey(name, key)
      return { kind: 'done', content: [el('ok')] }
    },

    /** Who is asking; with `su`, as whom an administrator does. */
    identify(caller: Caller): A {
      const account = identify(caller)
      const su = caller.params.get('su')
      if (su === null || su === '') return account
      if (account.level < levels.admin) throw new PanelError({ type: 'access', object: 'su' })
      const other = accounts.find(su)
      if (!other) throw new PanelError({ type: 'missed', object: 'user', value: su })
      return other
    },
  }
}

/** The name that a request gives, before anything is checked. */
export function claimedName(params: URLSearchParams): string | undefined {
  return params.get('authinfo')?.split(':')[0] ?? params.get('username') ?? undefined
}
