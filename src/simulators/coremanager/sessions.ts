import { randomBytes } from 'node:crypto'

export interface SessionRules {
  /** How long a session lives without being used. */
  sessionSeconds: number
  /** Whether a session is good for the network address only that opened it. */
  bindSessions: boolean
}

/** Sessions, and the one-time keys with which an administrator opens one for somebody else. */
export function createSessions(rules: SessionRules, now: () => number) {
  const sessions = new Map<string, { name: string; remote: string; usedAt: number }>()
  const keys = new Map<string, string>()

  return {
    open(name: string, remote: string): string {
      const id = randomBytes(12).toString('hex')
      sessions.set(id, { name, remote, usedAt: now() })
      return id
    },
    /** Whose session it is; undefined where it is unknown, idle for too long or another address's. */
    use(id: string, remote: string): string | undefined {
      const session = sessions.get(id)
      if (!session) return undefined
      if (now() - session.usedAt > rules.sessionSeconds * 1000) {
        sessions.delete(id)
        return undefined
      }
      if (rules.bindSessions && session.remote !== remote) return undefined
      session.usedAt = now()
      return session.name
    },
    putKey(name: string, key: string): void {
      keys.set(key, name)
    },
    /** Takes a key away, if it is that account's. */
    takeKey(name: string, key: string): boolean {
      return keys.get(key) === name && keys.delete(key)
    },
    /** Ends all sessions, or one account's. Gives how many. */
    expire(name?: string): number {
      let ended = 0
      for (const [id, session] of sessions) {
        if (name !== undefined && session.name !== name) continue
        sessions.delete(id)
        ended += 1
      }
      return ended
    },
  }
}

export type Sessions = ReturnType<typeof createSessions>
