import { type ErrorCode, type ErrorOptions, IpbridgeError } from '../errors.ts'
import { attributeOf, childOf, childrenOf, type Element, fieldOf, textOf } from './document.ts'

/** What a COREmanager panel says went wrong (facts, sections 1.4 to 1.7). Told apart by type and object, never by text. */
export interface Fault {
  /** `value`, `missed`, `exists`, `access`, `auth`, `limit`, `license`, `client` and the like. */
  type: string
  /** The field or the kind of thing that it is about. */
  object: string
  value: string
  /** For people, in the panel's words. */
  text: string
  /** An internal failure: what was asked may have been done in part. */
  internal: boolean
}

/** A fault that the panel answered with, for callers that know what it means in their case. */
export class PanelFault extends IpbridgeError {
  override name = 'PanelFault'
  readonly fault: Fault
  constructor(code: ErrorCode, message: string, fault: Fault, options: ErrorOptions = {}) {
    super(code, message, options)
    this.fault = fault
  }
}

/** Version 4 has numbers. */
const typesOfVersion4: Record<string, string> = {
  1: 'internal',
  2: 'exists',
  3: 'missed',
  4: 'value',
  5: 'limit',
  6: 'access',
  7: 'license',
  8: 'message',
}

/** Refused as it stands: nothing was done. */
const refusals = new Set([
  'value',
  'missed',
  'exists',
  'limit',
  'license',
  'message',
  'not_supported',
  'unsupported_module',
  'no_suitable_module',
])

const longestText = 300

/** The fault that an answer holds, if it holds one; most come with the HTTP status 200. */
export function faultOf(doc: Element): Fault | undefined {
  if (childOf(doc, 'authfail')) {
    return { type: 'auth', object: 'badpassword', value: '', text: 'authentication failed', internal: false }
  }
  const error = childOf(doc, 'error')
  if (error === undefined) return undefined
  const code = attributeOf(error, 'code') ?? fieldOf(error, 'code') ?? ''
  const type = attributeOf(error, 'type') ?? typesOfVersion4[code] ?? 'unknown'
  const params = new Map(
    childrenOf(error, 'param').map(param => [attributeOf(param, 'name') ?? '', textOf(param)]),
  )
  const object = attributeOf(error, 'object') ?? params.get('object') ?? fieldOf(error, 'obj') ?? ''
  const text = ['msg', 'detail', 'group'].map(name => fieldOf(error, name)).find(Boolean) ?? textOf(error)
  return {
    type,
    object,
    value: params.get('value') ?? '',
    text: shortened(substituted(text, params)),
    internal:
      attributeOf(error, 'report') === 'yes' || (!refusals.has(type) && type !== 'auth' && type !== 'access'),
  }
}

/** As facts and options write a fault: `missed(ip)`. */
export function nameOf({ type, object }: Pick<Fault, 'type' | 'object'>): string {
  return object === '' ? type : `${type}(${object})`
}

/** Whether it says that the element which was named does not exist. @param key the name of the list's key field */
export function saysGone({ type, object }: Fault, key: string): boolean {
  return (type === 'value' || type === 'missed') && (object === 'elid' || object === key)
}

/** Texts have `__name__` where the parameter of that name belongs. */
function substituted(text: string, params: Map<string, string>): string {
  return text.replace(/__(\w+?)__/g, (whole, name: string) => params.get(name) ?? whole)
}

function shortened(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim()
  return line.length > longestText ? `${line.slice(0, longestText)}…` : line
}
