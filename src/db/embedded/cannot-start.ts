import { IpbridgeError } from '../../errors.ts'

/** @param why what PostgreSQL said, or where it says it */
export function cannotStart(why: string, cause?: unknown): IpbridgeError {
  return new IpbridgeError(
    'unavailable',
    `the embedded PostgreSQL did not start: ${why}. Or set DATABASE_URL to a PostgreSQL of your own`,
    { cause },
  )
}
