import { z } from 'zod'

/**
 * How a COREmanager panel spells what we use of it: functions, columns and parameters. Each product has its own
 * defaults; where no source is certain, the server's option `wire` says otherwise.
 */
export interface Wire {
  /** The list of guests, and its columns: what names a guest to billing and to us, its name, and what the other functions take for it. */
  guests: string
  id: string
  name: string
  element: string
  /** The form of one guest: without `elid` it makes one. */
  guest: string
  /** The parameter of that form whose value is repeated in `confirm`. */
  password: string
  /** The addresses of a guest: list, form, removal. Its rows are identified by the column `row`. */
  addresses: string
  address: string
  removal: string
  row: string
  /** Column and parameter of the address, and of its PTR. */
  ip: string
  ptr: string
  /** The PTR of a guest that is made; empty: there is no such parameter. */
  domain: string
  /** The parameters that say `ipv4` or `ipv6`, and the group; empty: there is none. */
  family: string
  group: string
}

const mayBeEmpty: readonly (keyof Wire)[] = ['password', 'domain', 'family', 'group']

/** What a server may say of it. */
export function wireOption(defaults: Wire) {
  const names = Object.keys(defaults) as (keyof Wire)[]
  const word = z.string().regex(/^[A-Za-z0-9_.]*$/, 'must be letters, digits, dots and underscores')
  const shape = Object.fromEntries(
    names.map(name => [name, (mayBeEmpty.includes(name) ? word : word.min(1)).default(defaults[name])]),
  )
  return z.strictObject(shape as Record<keyof Wire, z.ZodDefault<z.ZodString>>)
}
