import { isIP } from 'node:net'
import { type Books, digestOf, freshMac, type SimulatedGuest } from './books.ts'
import { badParameter, die } from './refusal.ts'

/** What somebody who changes a guest's configuration meets: the lock, the digest, then the rules of its kind. */
export function changeConfig(books: Books, guest: SimulatedGuest, params: Record<string, string>): null {
  const { digest, delete: drop, ...set } = params
  const kind = guest.kind === 'qemu' ? 'VM' : 'CT'
  if (Object.keys(set).length === 0 && drop === undefined) throw die('no options specified')
  if (guest.lock) throw die(`${kind} is locked (${guest.lock})`)
  if (digest && digest !== digestOf(guest)) throw die(staleTexts[guest.kind])
  if (guest.kind === 'openvz') changeOpenvz(guest, set)
  else if (guest.kind === 'lxc') changeLxc(books, guest, set, namesIn(drop))
  else changeQemu(guest, set, namesIn(drop))
  return null
}

const staleTexts = {
  lxc: 'detected modified configuration - file changed by other user? Try again.',
  qemu: 'checksum mismatch (file change by other user?)',
  openvz: 'checksum missmatch (file change by other user?)',
}

const namesIn = (drop: string | undefined) => (drop ?? '').split(/[,;\s]+/).filter(Boolean)

/** The list is whole; what does not look like an address is skipped, and so is taken off. */
function changeOpenvz(guest: SimulatedGuest, { ip_address, ...rest }: Record<string, string>): void {
  Object.assign(guest.config, rest)
  if (ip_address === undefined) return
  const entries = ip_address.split(/[\s,;]+/).filter(entry => isIP(entry.split('/')[0] ?? '') !== 0)
  guest.config['ip_address'] = entries.join(' ')
}

function changeLxc(books: Books, guest: SimulatedGuest, set: Record<string, string>, drop: string[]): void {
  for (const [key, value] of Object.entries(set)) {
    const index = /^net(\d+)$/.exec(key)?.[1]
    if (index === undefined) guest.config[key] = value
    else plug(books, guest, Number(index), value)
  }
  for (const key of drop) {
    const index = /^net(\d+)$/.exec(key)?.[1]
    // On a running container only the first ten can be unplugged; others stay until it is restarted.
    if (index !== undefined && guest.running && index.length > 1) continue
    delete guest.config[key]
    if (index !== undefined) guest.live.delete(Number(index))
  }
}

function plug(books: Books, guest: SimulatedGuest, index: number, value: string): void {
  const props = propsOf(value)
  const old = propsOf(guest.config[`net${index}`] ?? '')
  // Who leaves the hardware address out gets another one, and the interface is plugged in anew.
  const mac = props.get('hwaddr') ?? freshMac()
  props.set('hwaddr', mac)
  guest.config[`net${index}`] = [...props].map(([key, each]) => `${key}=${each}`).join(',')
  if (!guest.running) return
  const kept = mac === old.get('hwaddr') ? (guest.live.get(index) ?? []) : []
  const live = new Set(kept)
  for (const key of ['ip', 'ip6']) {
    const [before, after] = [old.get(key), props.get(key)]
    if (before === after && mac === old.get('hwaddr')) continue
    if (before) live.delete(before)
    if (after?.includes('/') && !books.silent) live.add(after)
  }
  guest.live.set(index, [...live])
}

function changeQemu(guest: SimulatedGuest, set: Record<string, string>, drop: string[]): void {
  for (const [key, value] of Object.entries(set)) {
    if (!/^net\d+$/.test(key)) {
      guest.config[key] = value
      continue
    }
    const parts = value.split(',')
    const [model = ''] = parts
    if (model === '' || /^(bridge|firewall|tag)=/.test(model))
      throw badParameter(key, 'invalid format - model is missing')
    const whole = model.includes('=') ? model : `${model}=${freshMac()}`
    guest.config[key] = [whole, ...parts.slice(1)].join(',')
  }
  for (const key of drop) delete guest.config[key]
}

export function propsOf(text: string): Map<string, string> {
  const pairs = text.split(',').filter(part => part.includes('='))
  return new Map(pairs.map(part => [part.slice(0, part.indexOf('=')), part.slice(part.indexOf('=') + 1)]))
}

/** What a guest has on its interfaces once it was started. */
export function start(guest: SimulatedGuest): void {
  guest.running = true
  if (guest.kind === 'lxc') {
    const nets = Object.entries(guest.config).filter(([key]) => /^net\d+$/.test(key))
    for (const [key, value] of nets) {
      const props = propsOf(value)
      const addresses = [props.get('ip'), props.get('ip6')].filter(text => text?.includes('/'))
      guest.live.set(Number(key.slice(3)), addresses as string[])
    }
  }
  if (guest.kind === 'qemu') {
    rewriteDrive(guest)
    if (guest.agent) guest.agent = addressesIn(guest)
  }
}

/** The addresses in the configuration, without prefix lengths. */
export function addressesIn({ kind, config }: SimulatedGuest): string[] {
  if (kind === 'openvz') return (config['ip_address'] ?? '').split(/\s+/).filter(Boolean)
  const form = kind === 'lxc' ? /^net\d+$/ : /^ipconfig\d+$/
  return Object.entries(config)
    .filter(([key]) => form.test(key))
    .flatMap(([, value]) => [propsOf(value).get('ip'), propsOf(value).get('ip6')])
    .flatMap(text => (text?.includes('/') ? (text.split('/')[0] ?? '') : []))
}

const driven = (guest: SimulatedGuest) =>
  Object.fromEntries(Object.entries(guest.config).filter(([key]) => /^ipconfig\d+$/.test(key)))

export function rewriteDrive(guest: SimulatedGuest): null {
  guest.drive = driven(guest)
  return null
}

/** What the cloud-init drive holds, and what it would hold if it was written now. */
export function pendingOnDrive(guest: SimulatedGuest) {
  const now = driven(guest)
  const keys = new Set([...Object.keys(now), ...Object.keys(guest.drive)])
  return [...keys].map(key => {
    const [value, wanted] = [guest.drive[key], now[key]]
    return {
      key,
      ...(value === undefined ? {} : { value }),
      ...(wanted === value ? {} : wanted === undefined ? { delete: 1 } : { pending: wanted }),
    }
  })
}
