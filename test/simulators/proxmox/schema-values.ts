import { isIP, isIPv4, isIPv6 } from 'node:net'

/** A rule of the schema for one value. */
export interface Rule {
  type?: string
  optional?: number
  enum?: string[]
  pattern?: string
  minimum?: number
  maximum?: number
  maxLength?: number
  requires?: string
  /** The name of a format, or the keys of a property string. */
  format?: string | Properties
}

type Properties = Record<string, Rule & { default_key?: number; alias?: string; keyAlias?: string }>

const cidr = (is: (text: string) => boolean, most: number) => (text: string) => {
  const [address = '', length = ''] = text.split('/')
  return is(address) && /^\d{1,3}$/.test(length) && Number(length) <= most
}
const cidr4 = cidr(isIPv4, 32)
const cidr6 = cidr(isIPv6, 128)
const word = (form: RegExp) => (text: string) => form.test(text)
const list = (is: (text: string) => boolean) => (text: string) => text.split(/[,;\s]+/).every(is)

const ipconfig: Properties = {
  ip: { type: 'string', format: 'pve-ipv4-config', optional: 1 },
  gw: { type: 'string', format: 'ipv4', optional: 1, requires: 'ip' },
  ip6: { type: 'string', format: 'pve-ipv6-config', optional: 1 },
  gw6: { type: 'string', format: 'ipv6', optional: 1, requires: 'ip6' },
}

const formats: Record<string, (text: string) => boolean> = {
  'pve-node': word(/^[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?$/),
  'pve-vmid': word(/^[1-9]\d{2,8}$/),
  'pve-configid': word(/^[A-Za-z][A-Za-z0-9_]+$/),
  'pve-configid-list': list(word(/^[A-Za-z][A-Za-z0-9_]+$/)),
  'pve-bridge-id': word(/^[-_.\w]+$/),
  'dns-name': word(
    /^(?=.{1,255}$)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/,
  ),
  'pve-ipv4-config': text => text === 'dhcp' || text === 'manual' || cidr4(text),
  'pve-ipv6-config': text => ['auto', 'dhcp', 'manual'].includes(text) || cidr6(text),
  ipv4: isIPv4,
  ipv6: isIPv6,
  'mac-addr': word(/^[0-9A-F][02468ACE](?::[0-9A-F]{2}){5}$/i),
  IPorCIDRorAlias: text =>
    isIP(text) !== 0 || cidr4(text) || cidr6(text) || /^[A-Za-z][A-Za-z0-9_-]+$/.test(text),
}

/** @returns what is wrong with a value, if anything is */
export function checkValue(rule: Rule, value: string): string | undefined {
  if (rule.type === 'integer' && !/^-?\d+$/.test(value))
    return `type check ('integer') failed - got '${value}'`
  if (rule.type === 'number' && !/^-?\d+(?:\.\d+)?$/.test(value))
    return `type check ('number') failed - got '${value}'`
  if (rule.type === 'boolean' && !/^(?:0|1|true|false|yes|no|on|off)$/i.test(value)) {
    return `type check ('boolean') failed - got '${value}'`
  }
  if (rule.minimum !== undefined && Number(value) < rule.minimum)
    return `value must have a minimum value of ${rule.minimum}`
  if (rule.maximum !== undefined && Number(value) > rule.maximum)
    return `value must have a maximum value of ${rule.maximum}`
  if (rule.maxLength !== undefined && value.length > rule.maxLength)
    return `value may only be ${rule.maxLength} characters long`
  if (rule.enum && !rule.enum.includes(value))
    return `value '${value}' does not have a value in the enumeration '${rule.enum.join(', ')}'`
  if (rule.pattern !== undefined && !patternOf(rule.pattern).test(value))
    return 'value does not match the regex pattern'
  if (typeof rule.format === 'object') return checkProperties(rule.format, value)
  if (rule.format === 'pve-qm-ipconfig') return checkProperties(ipconfig, value)
  const is = rule.format === undefined ? undefined : formats[rule.format]
  return is && !is(value) ? `invalid format - value '${value}' is no ${rule.format}` : undefined
}

/** A property string, `key=value,key=value`, one of whose keys may be left out. */
function checkProperties(rules: Properties, value: string): string | undefined {
  const seen = new Set<string>()
  for (const part of value.split(',')) {
    const sign = part.indexOf('=')
    const first = Object.keys(rules).find(key => rules[key]?.default_key)
    const key = sign < 0 ? first : part.slice(0, sign)
    const rule = key === undefined ? undefined : rules[key]
    if (key === undefined || rule === undefined)
      return `invalid format - format error: no such property '${part}'`
    const [name, target] = rule.alias ? [rule.alias, rules[rule.alias]] : [key, rule]
    if (rule.keyAlias) seen.add(rule.keyAlias)
    if (seen.has(name)) return `invalid format - duplicate key in comma-separated list property: ${name}`
    seen.add(name)
    const why = target && checkValue(target, part.slice(sign + 1))
    if (why !== undefined) return `invalid format - ${name}: ${why}`
  }
  for (const [key, rule] of Object.entries(rules)) {
    if (!rule.optional && !rule.alias && !seen.has(key))
      return `invalid format - ${key}: property is missing and it is not optional`
    if (rule.requires !== undefined && seen.has(key) && !seen.has(rule.requires))
      return `invalid format - ${key} requires ${rule.requires}`
  }
  return undefined
}

/** Perl writes `(?^:…)` where JavaScript has no flags to reset. */
function patternOf(pattern: string): RegExp {
  return new RegExp(`^(?:${pattern.replaceAll('(?^:', '(?:')})$`)
}
