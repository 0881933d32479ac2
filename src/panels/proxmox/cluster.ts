import { IpbridgeError } from '../../errors.ts'
import type { Api } from './api.ts'
import { isFault } from './fault.ts'
import { type Guest, type GuestKind, guestKinds } from './guest.ts'
import { nextId, resources } from './shapes.ts'

export type Cluster = ReturnType<typeof createCluster>

const isKind = (type: string): type is GuestKind => guestKinds.some(kind => kind === type)

/** Where the guests of a cluster are. It is asked for each job, since guests migrate. */
export function createCluster(api: Api) {
  /** All guests that the login may see, templates too. */
  async function list(signal: AbortSignal): Promise<Guest[]> {
    const rows = await api.get(resources, ['cluster', 'resources'], signal, { type: 'vm' })
    return rows.flatMap(({ type, vmid, node, lock, template = false }) =>
      isKind(type) && vmid !== undefined && node !== undefined
        ? { vmid, kind: type, node, lock, template }
        : [],
    )
  }

  /** Whether nobody has a number; Proxmox VE says so of guests too that the login may not see. */
  async function isFree(vmid: number, signal: AbortSignal): Promise<boolean> {
    try {
      await api.get(nextId, ['cluster', 'nextid'], signal, { vmid: String(vmid) })
      return true
    } catch (error) {
      if (isFault(error, 'exists')) return false
      throw error
    }
  }

  /**
   * Makes sure of a guest that is not in the list. @returns one that has come since
   * @throws access_denied where there is one that the login may not see: it is not gone
   */
  async function lookAgain(vmid: number, signal: AbortSignal): Promise<Guest | undefined> {
    if (await isFree(vmid, signal)) return undefined
    const guest = (await list(signal)).find(each => each.vmid === vmid)
    if (guest) return guest
    const why = `there is a guest ${vmid}, but ${api.login} may not see it: give it VM.Audit on /vms/${vmid}`
    throw new IpbridgeError('access_denied', `${api.whom}: ${why}`)
  }

  return {
    list,
    lookAgain,

    /** @returns undefined where there is no such guest */
    async find(vmid: number, signal: AbortSignal): Promise<Guest | undefined> {
      return (await list(signal)).find(each => each.vmid === vmid) ?? lookAgain(vmid, signal)
    },
  }
}
