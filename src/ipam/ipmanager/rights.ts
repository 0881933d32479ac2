import type { CoreManager } from '../../coremanager/client.ts'
import { attributeOf, childrenOf, type Element, fieldOf } from '../../coremanager/document.ts'
import { PanelFault } from '../../coremanager/fault.ts'
import { parseRange, type Range } from './networks.ts'
import type { Options } from './options.ts'

/** What the user of the connection may take, and what it lacks for its settings. */
export interface Rights {
  ok: boolean
  /** The groups that it may take from; undefined where the panel does not tell. */
  groups: string[] | undefined
  /** Its ranges by group; undefined where the panel does not tell. */
  ranges: { group: string; range: Range }[] | undefined
  remarks: string[]
}

/**
 * Reads the rights of the user: its groups from the form of a request, its ranges as the administrator sees them.
 * @param form `ip.edit`, not submitted
 */
export async function readRights(
  {
    user,
    admin,
    options,
    form,
  }: { user: CoreManager; admin: CoreManager | undefined; options: Options; form: Element },
  signal: AbortSignal,
): Promise<Rights> {
  const remarks: string[] = []
  const groups = groupsOf(form, options)
  const ranges = admin && (await rangesOf(admin, user.login, options, signal))
  if (ranges === undefined) {
    remarks.push(
      `How large the groups are is not known: ${admin ? `the panel has no function ${options.names.rights} (options.names.rights)` : 'that takes adminlogin'}.`,
    )
  }
  const lacking = groups === undefined ? [] : options.groups.filter(group => !groups.includes(group))
  if (groups?.length === 0 || ranges?.length === 0) {
    remarks.push(
      `The user ${user.login} has no range and no group to take addresses from. In IPmanager, open Users, select it, Rights, and add its networks.`,
    )
    return { ok: false, groups, ranges, remarks }
  }
  if (lacking.length === 0) {
    const from = groups === undefined ? 'which groups, the panel does not tell' : groups.join(', ')
    remarks.push(`The user ${user.login} may take addresses from: ${from}.`)
  } else {
    remarks.push(
      `The user ${user.login} may not take from ${lacking.length === 1 ? 'group' : 'groups'} ${lacking.join(', ')}, only from ${groups?.join(', ')}. Allow it in IPmanager (Users, Rights), or change options.groups.`,
    )
  }
  return { ok: lacking.length === 0, groups, ranges, remarks }
}

function groupsOf(form: Element, { names }: Options): string[] | undefined {
  const list = childrenOf(form, 'slist').find(one => attributeOf(one, 'name') === names.group)
  return list && childrenOf(list, 'val').flatMap(value => attributeOf(value, 'key') ?? [])
}

async function rangesOf(admin: CoreManager, login: string, { names }: Options, signal: AbortSignal) {
  try {
    const ranges: { group: string; range: Range }[] = []
    const key = names.rightsRange
    for await (const rows of admin.pages(names.rights, { elid: login }, { size: 1_000, key }, signal)) {
      for (const row of rows) {
        const range = parseRange(fieldOf(row, names.rightsRange) ?? '')
        const group = fieldOf(row, names.rightsGroup)
        if (range !== undefined && group !== undefined) ranges.push({ group, range })
      }
    }
    return ranges
  } catch (error) {
    if (error instanceof PanelFault) return undefined
    throw error
  }
}
