import { freshMac, type Kind, type SimulatedGuest } from './books.ts'
import { propsOf, start } from './config.ts'
import { die } from './refusal.ts'
import type { Cluster } from './routes.ts'

interface Place {
  kind: Kind
  node: string
  user: string
  from?: SimulatedGuest
}

/** Not part of a guest's configuration. */
const passing = new Set([
  'vmid',
  'ostemplate',
  'password',
  'storage',
  'pool',
  'start',
  'full',
  'ssh-public-keys',
  'bwlimit',
  'unique',
  'snapname',
  'format',
])

/**
 * Creates or clones a guest. Its number is taken at once; until the task has ended it is locked, and nothing in its
 * configuration says whose it is.
 */
export function make(
  { books, tasks, access }: Cluster,
  params: Record<string, string>,
  { kind, node, user, from }: Place,
): string {
  const vmid = Number(params['vmid'])
  access.demand('VM.Allocate', vmid)
  if (books.guests.has(vmid))
    throw die(from ? `unable to create VM ${vmid}: config file already exists` : `CT ${vmid} already exists`)
  const guest = books.add({ vmid, kind, node, lock: from ? 'clone' : 'create' })
  const type = {
    lxc: from ? 'vzclone' : 'vzcreate',
    qemu: from ? 'qmclone' : 'qmcreate',
    openvz: 'vzcreate',
  }[kind]
  return tasks.begin(node, type, vmid, user, failed => {
    if (failed) {
      books.guests.delete(vmid)
      return
    }
    const own = Object.entries(params).filter(([key]) => !passing.has(key))
    guest.config = withFreshMacs({ ...from?.config, ...Object.fromEntries(own) }, kind)
    delete guest.lock
    if (params['start'] === '1') start(guest)
  })
}

/** No two guests have one hardware address. */
function withFreshMacs(config: Record<string, string>, kind: Kind): Record<string, string> {
  const entries = Object.entries(config).map(([key, value]) => {
    if (!/^net\d+$/.test(key)) return [key, value]
    if (kind === 'qemu') return [key, value.replace(/^([^=,]+)(=[^,]*)?/, `$1=${freshMac()}`)]
    const props = propsOf(value).set('hwaddr', freshMac())
    return [key, [...props].map(([name, each]) => `${name}=${each}`).join(',')]
  })
  return Object.fromEntries(entries)
}
