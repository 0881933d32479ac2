import { asIpbridgeError } from '../../errors.ts'
import { type TlsSettings, trustsAnybody } from '../../http/tls.ts'
import type { PanelCheck } from '../driver.ts'
import type { Api } from './api.ts'
import { isFault } from './fault.ts'
import { nodes, permissions, version } from './shapes.ts'

/** What the driver calls need, and since which version Proxmox VE asks for it. */
const needed: { right: string; since: number; why: string }[] = [
  { right: 'VM.Audit', since: 2, why: 'to see guests and what they have' },
  { right: 'VM.Config.Network', since: 2, why: 'to give and take addresses' },
  { right: 'VM.Config.Cloudinit', since: 7, why: 'to rewrite the cloud-init drive of virtual machines' },
  { right: 'SDN.Use', since: 8, why: 'to change interfaces, on the bridge that they are plugged into' },
]

/** "Test connection": whether it is there and lets us in, whether the rights suffice, which nodes are away. */
export async function check(api: Api, tls: TlsSettings, signal: AbortSignal): Promise<PanelCheck> {
  const remarks = trustsAnybody(tls)
    ? [
        'its certificate is not checked (tls.verify is false): anybody may pretend to be it; set tls.ca or tls.fingerprint',
      ]
    : []
  try {
    const about = await api.get(version, ['version'], signal)
    const missing = await missingRights(api, Number.parseInt(about.version, 10), signal)
    const { away, present } = await nodesOf(api, signal)
    remarks.push(...missing.map(({ right, why }) => `${api.login} lacks the right ${right}, ${why}`))
    remarks.push(...away.map(node => `the node ${node} is away: its guests cannot be changed`))
    if (present === 0)
      remarks.push(`${api.login} sees no node at all; give it Sys.Audit on /nodes to see which are away`)
    return { ok: missing.length === 0, version: about.version, remarks }
  } catch (error) {
    signal.throwIfAborted()
    return { ok: false, remarks: [...remarks, asIpbridgeError(error).message] }
  }
}

async function missingRights(api: Api, major: number, signal: AbortSignal) {
  try {
    const paths = await api.get(permissions, ['access', 'permissions'], signal)
    const held = new Set(Object.values(paths).flatMap(rights => Object.keys(rights)))
    return needed.filter(({ right, since }) => since <= major && !held.has(right))
  } catch (error) {
    // Before version 6 nobody can be asked.
    if (isFault(error, 'unsupported')) return []
    throw error
  }
}

async function nodesOf(api: Api, signal: AbortSignal): Promise<{ away: string[]; present: number }> {
  const rows = await api.get(nodes, ['cluster', 'resources'], signal, { type: 'node' })
  return {
    away: rows.filter(({ status }) => status === 'offline').map(({ node }) => node),
    present: rows.length,
  }
}
