import { type ErrorCode, IpbridgeError } from '../../errors.ts'
import type { HttpAnswer, HttpTarget } from '../../http/client.ts'
import { noAnswer, statusFailure } from '../../http/failures.ts'

/**
 * What an error of Proxmox VE means to the driver. `gone`: there is no such guest on this node (any more) · `stale`:
 * somebody else changed its configuration since we looked · `exists`, `absent`: an entry is there already, or not ·
 * `unsupported`: this version has no such call · `other`: only what its code says
 */
export type FaultKind = 'gone' | 'stale' | 'exists' | 'absent' | 'unsupported' | 'other'

/** An error that Proxmox VE answered with. */
export class ProxmoxFault extends IpbridgeError {
  override name = 'ProxmoxFault'
  readonly kind: FaultKind
  /** The words of Proxmox VE. */
  readonly told: string
  constructor(kind: FaultKind, code: ErrorCode, message: string, told: string) {
    super(code, `${message}; it says: ${told}`)
    this.kind = kind
    this.told = told
  }
}

export function isFault(error: unknown, ...kinds: FaultKind[]): error is ProxmoxFault {
  return error instanceof ProxmoxFault && kinds.includes(error.kind)
}

/** These come when a node cannot reach the one that the call is for: what that one has done is not known. */
const proxyStatuses = new Set([502, 503, 504, 595, 596, 599])

/** The only texts by which Proxmox VE tells these cases apart; versions differ in their wording. */
const meanings: [RegExp, FaultKind][] = [
  [/detected modified configuration|checksum mis+match/i, 'stale'],
  [
    /configuration file '.*' does not exist|no such (?:vm|ct)\b|(?:ct|vm|container) '?\d+'? does not exist/i,
    'gone',
  ],
]

const longestText = 300

/**
 * An answer with a status of failure as one of our errors.
 * @param what the call, in words: `PUT /nodes/pve1/lxc/101/config`
 * @param hide what must not be shown, should Proxmox VE echo it
 */
export function faultOf(
  target: HttpTarget,
  answer: HttpAnswer,
  { what, changes, hide }: { what: string; changes: boolean; hide: string[] },
): IpbridgeError {
  const { status } = answer
  const { whom } = target
  const body = bodyOf(answer.text)
  const text = shown(body.text ?? answer.reason, hide)
  const details = body.errors.map(([field, why]) => `${field}: ${shown(why, hide)}`).join('; ')
  const told = [text, details].filter(Boolean).join(' ') || `HTTP ${status}`
  const say = (kind: FaultKind, code: ErrorCode, message: string) =>
    new ProxmoxFault(kind, code, `${whom} ${message}`, told)

  if (status === 400) {
    if (/already exists/i.test(told)) return say('exists', 'panel_refused', `refused ${what}`)
    if (/no such IP\/Network/i.test(told)) return say('absent', 'panel_refused', `refused ${what}`)
    return say('other', 'panel_refused', `refused ${what}`)
  }
  if (status === 401)
    return say('other', 'bad_credentials', 'does not accept the login and its password or token secret')
  if (status === 403) return say('other', 'access_denied', `does not let the login call ${what}`)
  if (status === 501)
    return say('unsupported', 'wrong_panel', `does not know ${what}; its version may be too old`)
  if (proxyStatuses.has(status)) {
    return noAnswer(
      target,
      `the node that ${what} is for cannot be reached (HTTP ${status}, ${told})`,
      changes,
    )
  }
  if (status === 500) {
    const kind = meanings.find(([pattern]) => pattern.test(told))?.[1] ?? 'other'
    return say(kind, 'panel_unavailable', `failed at ${what}`)
  }
  return statusFailure(target, answer, changes, Date.now())
}

function bodyOf(text: string): { text: string | undefined; errors: [string, string][] } {
  try {
    const { message, errors } = JSON.parse(text) as { message?: unknown; errors?: Record<string, unknown> }
    return {
      text: typeof message === 'string' ? message : undefined,
      errors: Object.entries(errors ?? {}).map(([field, why]) => [field, String(why)]),
    }
  } catch {
    // Older versions and proxies send text or nothing; then the reason phrase is all there is.
    return { text: undefined, errors: [] }
  }
}

function shown(text: string, hide: string[]): string {
  const line = text.replace(/\s+/g, ' ').trim()
  const safe = hide.reduce((rest, secret) => rest.replaceAll(secret, '[secret]'), line)
  return safe.length > longestText ? `${safe.slice(0, longestText)}…` : safe
}
