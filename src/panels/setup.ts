import { IpbridgeError } from '../errors.ts'
import type { PanelService } from './driver.ts'

const secretName = /passw|secret|token|key/i

/**
 * What billing passes through to the panel for a new guest, on top of what the server's option `setup` says.
 * @param ours what ipbridge says itself, and so nobody else may
 * @throws panel_refused where billing says one of those
 */
export function setupOf(
  service: PanelService,
  defaults: Record<string, unknown>,
  ours: readonly string[],
  whom: string,
): Record<string, unknown> {
  const setup = { ...defaults, ...service.setup }
  const taken = ours.filter(name => Object.hasOwn(setup, name))
  if (taken.length === 0) return setup
  const why = `setup of service ${service.id} has ${taken.join(', ')}, which ipbridge says itself; leave it out`
  throw new IpbridgeError('panel_refused', `${whom}: ${why}`)
}

/** The same as parameters of a form. @throws panel_refused for what is neither text, a number, nor true or false */
export function asParams(setup: Record<string, unknown>, whom: string): Record<string, string> {
  const entries = Object.entries(setup).filter(([, value]) => value !== null && value !== undefined)
  return Object.fromEntries(entries.map(([name, value]) => [name, asParam(name, value, whom)]))
}

function asParam(name: string, value: unknown, whom: string): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number') return String(value)
  // Facts: ISPsystem docs, COREmanager API: booleans are on and off.
  if (typeof value === 'boolean') return value ? 'on' : 'off'
  const why = `setup.${name} must be text, a number, or true or false: the panel takes nothing else`
  throw new IpbridgeError('panel_refused', `${whom}: ${why}`)
}

/**
 * Keeps a guest's password out of an error: panels repeat what they were sent, and a stack repeats the message.
 * @returns the error to throw
 */
export function withoutSetupSecrets(error: unknown, setup: Record<string, unknown>): unknown {
  if (!(error instanceof IpbridgeError)) return error
  const secrets = Object.entries(setup).flatMap(([name, value]) =>
    secretName.test(name) && String(value).length > 2 ? String(value) : [],
  )
  if (!secrets.some(secret => error.message.includes(secret))) return error
  const message = secrets.reduce((text, secret) => text.replaceAll(secret, '[secret]'), error.message)
  const { code, outcome, retryAfterMs } = error
  return new IpbridgeError(code, message, {
    ...(outcome === 'unknown' ? { outcome } : {}),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })
}
