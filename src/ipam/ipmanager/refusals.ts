import { nameOf, PanelFault } from '../../coremanager/fault.ts'
import { type ErrorCode, IpbridgeError } from '../../errors.ts'
import type { AddressRequest } from '../driver.ts'
import type { Options } from './options.ts'

/**
 * What a refused request for an address means. How the panel says that nothing is free is not documented (facts,
 * section 1.7), so that is a setting.
 * @param whom who refuses, as messages begin
 * @param group the group that was asked for
 * @returns undefined where it means nothing in particular
 */
export function refusalOf(
  error: unknown,
  want: Pick<AddressRequest, 'requested' | 'family'>,
  { whom, group, options }: { whom: string; group: string | undefined; options: Options },
): IpbridgeError | undefined {
  if (!(error instanceof PanelFault)) return undefined
  const { type, object } = error.fault
  const { names, exhausted } = options
  const name = nameOf(error.fault)
  const say = (code: ErrorCode, why: string) => new IpbridgeError(code, `${whom} ${why}; it says ${name}`)
  const place = group === undefined ? '' : ` of group ${group}`
  if (object === names.group && (type === 'value' || type === 'missed')) {
    return say('no_such_pool', `has no group ${group ?? '(none)'}, or does not let this user take from it`)
  }
  if (want.requested !== undefined && (object === names.ip || object === 'ip')) {
    if (type === 'exists') return say('address_taken', `has ${want.requested} in use already`)
    if (type === 'value' || type === 'missed') {
      return say('address_outside_pools', `does not let this user take ${want.requested}${place}`)
    }
  }
  if (
    type === 'limit' ||
    exhausted.includes(name) ||
    (object === names.ip && exhausted.includes(`${type}(ip)`))
  ) {
    return say('pool_exhausted', `has no free IPv${want.family} address${place} for this user`)
  }
  return undefined
}
