import { createCoreManager } from '../../coremanager/client.ts'
import { PanelFault, saysGone } from '../../coremanager/fault.ts'
import type { Notes } from '../../db/notes.ts'
import type { OpenConnection } from '../../db/registry.ts'
import type { Turns } from '../../db/turns.ts'
import { IpbridgeError } from '../../errors.ts'
import { createHttpClient } from '../../http/client.ts'
import { noAnswer } from '../../http/failures.ts'
import type { Held, IpamDriver, IpamRecord } from '../driver.ts'
import { settingsOf } from '../settings.ts'
import { createBooks } from './books.ts'
import { createCheck } from './check.ts'
import { createClaims } from './claims.ts'
import { createGrants } from './grants.ts'
import { createNetworks } from './networks.ts'
import { settingsSchema } from './options.ts'
import type { Row } from './row.ts'

/** The panel's own name, and its path. */
const manager = 'ipmgr'

/**
 * IPmanager 5, through the interface that all COREmanager panels share. Addresses are taken and given back by a user
 * of the panel (`login`), lists are read by an administrator (`adminlogin`), as the vendor's own integration does it
 * (facts, section 3.1).
 *
 * @param parts.notes keeps markers of panels that have no notes
 * @param parts.turns lets requests of one user go one at a time, where they must
 * @throws invalid_configuration where the connection lacks something
 */
export function ipmanager(
  connection: OpenConnection,
  parts: { notes: Pick<Notes, 'addressesOf' | 'at' | 'put' | 'remove'>; turns: Pick<Turns, 'inTurn'> },
): IpamDriver {
  const { url, login, password, adminlogin, adminpassword, tls, options } = settingsOf(
    connection,
    settingsSchema,
  )
  const { notes, turns } = parts
  const { names, signIn: mode, format } = options
  const whom = `IPmanager of connection ${connection.name}`
  const http = createHttpClient(
    { url: panelUrl(url), tls, whom, kind: 'IPmanager 5', side: 'ipam' },
    { responseMs: options.timeoutSeconds * 1_000 },
  )
  const common = { http, manager, format }
  const admin =
    adminlogin === undefined || adminpassword === undefined
      ? undefined
      : createCoreManager({
          ...common,
          account: { login: adminlogin, password: adminpassword },
          // Nobody makes keys for the one who makes them.
          mode: mode === 'key' ? 'session' : mode,
        })
  if (mode === 'key' && admin === undefined) {
    throw new IpbridgeError(
      'invalid_configuration',
      `connection ${connection.name}: options.signIn key needs adminlogin and adminpassword, which make the keys`,
    )
  }
  const user = createCoreManager({
    ...common,
    account: { login, password },
    mode,
    ...(admin === undefined ? {} : { keyMaker: admin }),
  })
  const books = createBooks({ connection: connection.id, user, admin, options, notes })
  const grants = createGrants({ connection: connection.id, user, books, options, notes, turns })
  const claims = createClaims({ connection: connection.id, user, admin, books, options, notes })
  const networkOf = createNetworks(options.networks)

  function recordOf({ address, marker, ptr, owner = login, group }: Row): IpamRecord {
    const network = networkOf(address)
    return {
      address,
      owner,
      ...(marker === undefined ? {} : { marker }),
      ...(ptr === undefined ? {} : { ptr }),
      ...(group === undefined ? {} : { pool: group }),
      ...(network === undefined ? {} : { network }),
    }
  }

  /** Our own record under its marker. @throws record_not_ours */
  async function ours({ address, marker }: Held, signal: AbortSignal): Promise<Row> {
    const row = await books.own(address, signal)
    if (row?.marker === marker) return row
    throw notOurs(address, marker, row)
  }

  function notOurs(address: string, marker: string, row: Row | undefined): IpbridgeError {
    const found = row?.marker === undefined ? '' : `, but ${row.marker}`
    return new IpbridgeError('record_not_ours', `${whom}: ${address} does not carry ${marker}${found}`)
  }

  const check = createCheck({
    connection,
    user,
    admin,
    books,
    options,
    http,
    confirmedBy: grants.confirmedBy,
  })

  return {
    name: 'ipmanager',
    abilities: { reads: 'marker', pools: true, ptr: true, requestsSpecific: true },

    async findByMarker(marker, signal) {
      signal.throwIfAborted()
      const row = await books.find(marker, signal)
      return row && recordOf(row)
    },

    async read(address, signal) {
      signal.throwIfAborted()
      const row = (await books.own(address, signal)) ?? (await books.anybodys(address, signal))
      return row && recordOf(row)
    },

    async request(want, signal) {
      signal.throwIfAborted()
      return recordOf(await grants.request(want, signal))
    },

    async setPtr(held, ptr, signal) {
      signal.throwIfAborted()
      const row = await ours(held, signal)
      // From now on the panel no longer shows the marker, where it stood in place of the PTR.
      if (options.marker === 'ptr') await notes.put({ connection: connection.id, ...only(held) })
      else if (row.ptr === ptr) return
      await user.change('ip.edit', { elid: held.address, [names.ptr]: grants.dotted(ptr) }, signal)
      const after = await ours(held, signal)
      if (after.ptr !== ptr) {
        const why = `it shows the PTR ${after.ptr ?? '(none)'} for ${held.address}, although ${ptr ?? 'none'} was written`
        throw noAnswer(http.target, why, false)
      }
    },

    async release(held, signal) {
      signal.throwIfAborted()
      const { address, marker } = held
      const row = await books.own(address, signal)
      if (row !== undefined && row.marker !== marker) throw notOurs(address, marker, row)
      if (row === undefined) {
        const other = await books.anybodys(address, signal)
        if (other) throw notOurs(address, marker, other)
      } else {
        await giveBack(address, signal)
      }
      if (options.marker === 'ptr') await notes.remove({ connection: connection.id, ...only(held) })
    },

    async *list(signal) {
      signal.throwIfAborted()
      for await (const rows of books.all('everybodys', signal)) {
        for (const row of rows) {
          signal.throwIfAborted()
          const isHidden = row.group !== undefined && connection.hiddenTypes.includes(row.group)
          if (row.state === 'held' && !isHidden) yield recordOf(row)
        }
      }
    },

    check,

    adopt: claims.adopt,
    claim: claims.claim,
  }

  /** Whether the address is checked or blocked next (facts, section 2.6) is not our affair: it is no longer ours. */
  async function giveBack(address: string, signal: AbortSignal): Promise<void> {
    try {
      await user.change('ip.delete', { elid: address }, signal)
    } catch (error) {
      if (!(error instanceof PanelFault && saysGone(error.fault, names.ip))) throw error
    }
    if (await books.own(address, signal)) {
      throw noAnswer(http.target, `it says that it released ${address}, but still shows it as ours`, false)
    }
  }
}

const only = ({ address, marker }: Held): Held => ({ address, marker })

/** A URL without a path means the panel at its usual one (facts, section 1.1). */
function panelUrl(url: string): string {
  const full = new URL(url)
  if (full.pathname === '/') full.pathname = `/${manager}`
  return full.href
}
