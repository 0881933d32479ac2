import type { App } from '../../app.ts'
import { bad, type Check, ok, warning } from './check.ts'

/** Whether IPBRIDGE_SECRET opens what was sealed with it. */
export async function checkSecrets({ desk }: App): Promise<Check[]> {
  const seals = await desk.seals.list()
  const inState = (wanted: string) =>
    seals.filter(({ state }) => state === wanted).map(({ secret }) => secret)
  const unreadable = inState('unreadable')
  if (unreadable.length > 0) {
    const todo =
      'add the key that sealed them after the new one in IPBRIDGE_SECRET, with a comma between; or enter them anew'
    return [bad('secrets', `IPBRIDGE_SECRET does not open: ${unreadable.join('; ')}`, todo)]
  }
  const outdated = inState('outdated')
  if (outdated.length === 0)
    return [ok('secrets', `IPBRIDGE_SECRET opens all ${seals.length} stored credentials`)]
  return [warning('secrets', `${outdated.length} are sealed with an old key`, 'run `ipbridge secret rotate`')]
}
