/** An answer of failure: its text goes into the reason phrase, as Proxmox VE does it. */
export class Refusal extends Error {
  readonly status: number
  readonly errors: Record<string, string> | undefined
  constructor(status: number, text: string, errors?: Record<string, string>) {
    super(text)
    this.status = status
    this.errors = errors
  }
}

/** What Perl's `die` becomes. */
export const die = (text: string) => new Refusal(500, text)

export const badParameter = (name: string, why: string) =>
  new Refusal(400, 'Parameter verification failed.', { [name]: why })
