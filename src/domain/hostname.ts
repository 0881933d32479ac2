import { domainToASCII } from 'node:url'

/** A host name as a PTR may hold it: lower case, A-labels, no trailing dot. */
export type Hostname = string

/** A name that must not become a PTR. The message says why, and what a good one looks like. */
export class HostnameError extends Error {
  override name = 'HostnameError'
}

const notInUnicodeNames = /[\s"#%/:<>?@[\\\]^`{|}_*]/
const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/**
 * Normalises a PTR target (RFC 952, RFC 1123 section 2.1; IDNA through UTS 46).
 * Name servers accept far more than mail servers and clients do, so this is the gate: at least two labels
 * of letters, digits and inner hyphens, at most 253 characters, no address, nothing under the reverse zones.
 */
export function normalizeHostname(input: string): Hostname {
  let name = input
    .trim()
    .normalize('NFC')
    .replace(/[\u3002\uFF0E\uFF61]/g, '.')
  if (name.endsWith('.')) name = name.slice(0, -1)
  if (name === '') throw refuse(input, 'it is empty')
  if (hasNonAscii(name)) {
    if (notInUnicodeNames.test(name)) throw refuse(input, 'it has a character that no host name has')
    name = domainToASCII(name)
    if (name === '') throw refuse(input, 'it is not a valid internationalised name')
  }
  name = name.toLowerCase()
  if (name.length > 253) throw refuse(input, 'it is longer than 253 characters')
  const labels = name.split('.')
  if (labels.length < 2) throw refuse(input, 'it has only one label')
  for (const part of labels) checkLabel(input, part)
  if (/^\d+$/.test(labels.at(-1) ?? '')) throw refuse(input, 'it ends in a number, as an address does')
  if (/(^|\.)(in-addr|ip6)\.arpa$/.test(name))
    throw refuse(input, 'it is a name of the reverse zones themselves')
  return name
}

function checkLabel(input: string, part: string): void {
  if (!label.test(part)) {
    throw refuse(input, `its part ${JSON.stringify(part)} is not 1 to 63 letters, digits and inner hyphens`)
  }
  const isALabel = part.startsWith('xn--')
  if (isALabel ? domainToASCII(part) !== part : /^..--/.test(part)) {
    throw refuse(input, `its part ${JSON.stringify(part)} is not a valid internationalised label`)
  }
}

function hasNonAscii(name: string): boolean {
  return /\P{ASCII}/u.test(name)
}

function refuse(input: string, why: string): HostnameError {
  const shown = JSON.stringify(input.length > 80 ? `${input.slice(0, 80)}…` : input)
  return new HostnameError(`${shown} is not a host name: ${why}; give one such as server1.example.net`)
}
