import { randomBytes } from 'node:crypto'

export interface Account {
  email: string
  password: string
}

export type Tokens = ReturnType<typeof createTokens>

/** Who may sign in, and the tokens that they were given. */
export function createTokens(accounts: readonly Account[], now: () => number, lifeSeconds: () => number) {
  const tokens = new Map<string, number>()
  return {
    /** @returns undefined where nobody has that address and password */
    give(email: unknown, password: unknown): string | undefined {
      if (!accounts.some(account => account.email === email && account.password === password))
        return undefined
      const token = `1-${randomBytes(16).toString('hex')}`
      tokens.set(token, now() + lifeSeconds() * 1000)
      return token
    },
    isGood: (token: string | undefined): boolean => (tokens.get(token ?? '') ?? 0) > now(),
    endAll: (): void => tokens.clear(),
  }
}
