/** What it refuses: the status, and `{"error": {"code", "msg"}}` (the fact sheet, 5.5). */
export class Refused extends Error {
  readonly status: number
  readonly code: number

  constructor(status: number, code: number, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

export const notFound = (what: string): Refused => new Refused(404, 3004, `${what} does not exist`)
export const invalid = (field: string): Refused => new Refused(400, 1002, `Invalid value of '${field}'`)
