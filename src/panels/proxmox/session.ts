export type Headers = Record<string, string>

/** What a sign-in gives: the ticket goes into a cookie, the other beside every change. */
export interface Ticket {
  ticket: string
  csrf: string
}

export type Session = ReturnType<typeof createSession>

/** A ticket lives for two hours. */
const ticketMs = 60 * 60_000

/** `user@realm`, or a token of that user: `user@realm!token`. */
export const loginForm = /^[^\s:/@!]+@[A-Za-z][A-Za-z0-9.\-_]+(![A-Za-z][A-Za-z0-9.\-_]+)?$/

/**
 * Who we are to Proxmox VE: an API token (version 6.2 and later) goes along with every call as it is; a password is
 * exchanged for a ticket, which all calls share and which is renewed before it ends, or when it is no longer taken.
 * @param enter exchanges the password for a ticket
 * @param now a clock in milliseconds that only goes forward
 */
export function createSession(
  { login, password }: { login: string; password: string },
  enter: () => Promise<Ticket>,
  now: () => number = () => performance.now(),
) {
  let current: { ticket: Promise<Ticket>; until: number } | undefined

  function ticket(): Promise<Ticket> {
    if (current === undefined || now() > current.until) {
      const begun = { ticket: enter(), until: now() + ticketMs }
      begun.ticket.catch(() => {
        if (current === begun) current = undefined
      })
      current = begun
    }
    return current.ticket
  }

  const isToken = login.includes('!')

  return {
    /** What must never be shown. */
    secrets: [password].filter(secret => secret.length > 2),

    /** The headers of one call. Changes need the proof against cross-site requests. */
    async headers(changes: boolean): Promise<Headers> {
      if (isToken) return { authorization: `PVEAPIToken=${login}=${password}` }
      const { ticket: cookie, csrf } = await ticket()
      return {
        cookie: `PVEAuthCookie=${encodeURIComponent(cookie)}`,
        ...(changes ? { CSRFPreventionToken: csrf } : {}),
      }
    },

    /** Called when a call was not authorised. @returns whether a new ticket is worth a try */
    async ended({ cookie }: Headers): Promise<boolean> {
      if (isToken) return false
      const known = await current?.ticket.catch(() => undefined)
      if (known && cookie === `PVEAuthCookie=${encodeURIComponent(known.ticket)}`) current = undefined
      return true
    },
  }
}
