import { randomUUID } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { Refusal } from './refusal.ts'

export interface Account {
  /** `user@realm`, or `user@realm!token` with the token's secret as the password. */
  login: string
  password: string
}

export type Access = ReturnType<typeof createAccess>

const everything = [
  'VM.Audit',
  'VM.Config.Network',
  'VM.Config.Cloudinit',
  'VM.Allocate',
  'VM.Clone',
  'VM.PowerMgmt',
  'SDN.Use',
]

/** Who may come in, and what they may do. Passwords give tickets; tokens are there since version 6.2. */
export function createAccess(hasTokens: () => boolean, accounts: Account[]) {
  const secrets = new Map(accounts.map(({ login, password }) => [login, password]))
  const tickets = new Map<string, { user: string; csrf: string }>()

  return {
    rights: new Set(everything),
    /** Guests that the login may not see. */
    hidden: new Set<number>(),
    /** How often somebody signed in. */
    signedIn: 0,

    expire(): void {
      tickets.clear()
    },

    enter({ username = '', password }: Record<string, string>) {
      if (username.includes('!') || secrets.get(username) !== password)
        throw new Refusal(401, 'authentication failure')
      this.signedIn += 1
      const entry = { user: username, csrf: `${Date.now().toString(16)}:${randomUUID()}` }
      const ticket = `PVE:${username}:${randomUUID()}::a+b/c==`
      tickets.set(ticket, entry)
      return { username, ticket, CSRFPreventionToken: entry.csrf }
    },

    /** @returns the user, as tasks name it */
    identify(headers: IncomingHttpHeaders, changes: boolean): string {
      const token = /^PVEAPIToken=(.+)=([^=]+)$/.exec(headers.authorization ?? '')
      if (token && hasTokens()) {
        if (secrets.get(token[1] ?? '') !== token[2]) throw new Refusal(401, 'no such token')
        return token[1] ?? ''
      }
      const cookie = /(?:^|;\s*)PVEAuthCookie=([^;]+)/.exec(headers.cookie ?? '')?.[1]
      const known = cookie === undefined ? undefined : tickets.get(decodeURIComponent(cookie))
      if (known === undefined)
        throw new Refusal(401, cookie === undefined ? 'No ticket' : 'permission denied - invalid PVE ticket')
      if (changes && headers['csrfpreventiontoken'] !== known.csrf)
        throw new Refusal(401, 'Permission denied - invalid csrf token')
      return known.user
    },

    demand(right: string, vmid: number | undefined): void {
      if (!this.rights.has(right))
        throw new Refusal(403, `Permission check failed (/vms/${vmid ?? ''}, ${right})`)
    },
  }
}
