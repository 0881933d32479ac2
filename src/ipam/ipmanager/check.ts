import type { CoreManager } from '../../coremanager/client.ts'
import type { OpenConnection } from '../../db/registry.ts'
import { asIpbridgeError } from '../../errors.ts'
import type { HttpClient } from '../../http/client.ts'
import { trustsAnybody } from '../../http/tls.ts'
import type { ConnectionCheck } from '../driver.ts'
import type { Books } from './books.ts'
import { type Counts, countGroups } from './counts.ts'
import { confirmNames } from './names-check.ts'
import type { Options } from './options.ts'
import { type Rights, readRights } from './rights.ts'
import { versionOf } from './version.ts'

export interface CheckParts {
  connection: OpenConnection
  user: CoreManager
  admin: CoreManager | undefined
  books: Books
  options: Options
  http: HttpClient
  /** The field of the reply that held the address of the latest grant, if there was one. */
  confirmedBy: () => string | undefined
}

/** Levels of access (facts, section 1.2). */
const adminLevel = 29

/** How long addresses are counted. */
const countMs = 15_000

/** "Test connection": what works, what does not, and what an administrator of the panel has to do about it. */
export function createCheck(parts: CheckParts) {
  const { user, admin, books, options, http } = parts

  /** Signs an account in, and tells what is wrong with it. @returns whether it can be worked with */
  async function checkAccounts(remarks: string[], signal: AbortSignal): Promise<boolean> {
    const { level } = await user.enter(signal)
    if (level === undefined || level < adminLevel) {
      remarks.push(`The login ${user.login} is accepted${atLevel(level)}.`)
    } else {
      remarks.push(
        `The login ${user.login} is an administrator (level ${level}): its requests are not limited to ranges. Make an account of level User in IPmanager for it.`,
      )
    }
    if (admin === undefined) {
      remarks.push(
        'No adminlogin is set: what others hold cannot be seen, so reconciliation compares our own addresses only. Make an administrator in IPmanager and set adminlogin and adminpassword.',
      )
      return true
    }
    try {
      const entry = await admin.enter(signal)
      if (entry.level !== undefined && entry.level < adminLevel) {
        remarks.push(
          `The adminlogin ${admin.login} is no administrator (level ${entry.level}): it cannot list the addresses of others. Give it the level Administrator in IPmanager.`,
        )
        return false
      }
      const may = entry.level === undefined ? '' : ': it may list the addresses of all'
      remarks.push(`The adminlogin ${admin.login} is accepted${atLevel(entry.level)}${may}.`)
    } catch (error) {
      remarks.push(`The account for reconciliation: ${asIpbridgeError(error).message}.`)
      return false
    }
    return true
  }

  return async function check(signal: AbortSignal): Promise<ConnectionCheck> {
    const remarks = transportRemarks(http)
    try {
      let ok = await checkAccounts(remarks, signal)
      const version = await versionOf(admin ?? user, options, signal)
      if (version === undefined)
        remarks.push(`Its version is not known: it has no function ${options.names.version}.`)
      const form = await user.read('ip.edit', { out: 'devel' }, signal)
      const rights = await readRights({ user, admin, options, form }, signal)
      ok = rights.ok && ok
      remarks.push(...rights.remarks)
      const { pools, listed } = await count(rights, remarks, signal)
      remarks.push(...confirmNames({ options, form, listed, confirmedBy: parts.confirmedBy() }))
      if (options.lookup === 'auto') remarks.push(await filterRemark(signal))
      return { ok, ...(version === undefined ? {} : { version }), pools, remarks }
    } catch (error) {
      signal.throwIfAborted()
      return { ok: false, pools: [], remarks: [...remarks, asIpbridgeError(error).message] }
    }
  }

  /** A list may be longer than an administrator waits for: then it is not counted. */
  async function count(rights: Rights, remarks: string[], signal: AbortSignal): Promise<Counts> {
    const patience = AbortSignal.timeout(countMs)
    try {
      return await countGroups(books, rights, AbortSignal.any([signal, patience]))
    } catch (error) {
      signal.throwIfAborted()
      if (!patience.aborted) throw error
      remarks.push('What is used and free was not counted: its list is longer than could be read meanwhile.')
      return { pools: [], listed: undefined }
    }
  }

  async function filterRemark(signal: AbortSignal): Promise<string> {
    return (await books.mayFilter(signal))
      ? 'Its filter finds our markers.'
      : 'Whether its filter finds our markers is not known yet: until it was seen to, whole lists are read.'
  }
}

const atLevel = (level: number | undefined) =>
  level === undefined ? ', at a level that the panel does not tell' : ` (level ${level})`

/** What is wrong with the way to the panel, loudly. */
function transportRemarks({ target }: HttpClient): string[] {
  if (new URL(target.url).protocol === 'http:') {
    return ['WARNING: passwords go over the network in clear text, because the URL begins with http://.']
  }
  if (!trustsAnybody(target.tls ?? {})) return []
  return [
    'WARNING: the certificate is not verified (tls.verify is false): whoever stands in between reads the passwords. Set tls.ca or tls.fingerprint.',
  ]
}
