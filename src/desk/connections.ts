import type { Db } from '../db/client.ts'
import { isUniqueViolation, type Prisma } from '../db/client.ts'
import { newId } from '../db/ids.ts'
import type { Problem } from '../db/problems.ts'
import { type OpenConnection, placeOf } from '../db/registry.ts'
import type { Vault } from '../db/vault.ts'
import { asIpbridgeError, IpbridgeError } from '../errors.ts'
import { trustsAnybody } from '../http/tls.ts'
import type { IpamConnections } from '../ipam/connections.ts'
import type { ConnectionCheck } from '../ipam/driver.ts'
import { type Actor, audit } from './actor.ts'
import { type Page, type PageQuery, page } from './paging.ts'
import { rehearse } from './rehearsal.ts'
import type { ConnectionInput } from './schemas.ts'
import { withoutSecrets } from './secrets.ts'

type Row = Prisma.ConnectionModel

/** Connections to IPAMs. Secrets go in and never come out. */
export function connectionDesk({ db, vault, ipams }: { db: Db; vault: Vault; ipams: IpamConnections }) {
  const find = async (name: string): Promise<Row> => {
    const row = await db.connection.findUnique({ where: { name } })
    if (row === null) throw new IpbridgeError('not_found', `there is no connection ${name}`)
    return row
  }

  function columns(id: string, input: Partial<ConnectionInput>) {
    const { password, adminlogin, adminpassword, hiddentypes, tls, options, ...plain } = input
    return {
      ...plain,
      ...(adminlogin === undefined ? {} : { adminLogin: adminlogin }),
      ...(hiddentypes === undefined ? {} : { hiddenTypes: hiddentypes }),
      ...(tls === undefined ? {} : { tls: tls as Prisma.InputJsonObject }),
      ...(options === undefined ? {} : { options: options as Prisma.InputJsonObject }),
      ...(password === undefined ? {} : { password: vault.seal(password, placeOf.connectionPassword(id)) }),
      ...(adminpassword === undefined
        ? {}
        : { adminPassword: vault.seal(adminpassword, placeOf.connectionAdminPassword(id)) }),
    }
  }

  return {
    list(query: PageQuery): Promise<Page<ReturnType<typeof presentConnection>>> {
      const read = (after: string | undefined, take: number) =>
        db.connection.findMany({
          where: after ? { name: { gt: after } } : {},
          orderBy: { name: 'asc' },
          take,
        })
      return page(query, read, row => row.name, presentConnection)
    },

    show: async (name: string) => presentConnection(await find(name)),

    async add(actor: Actor, input: ConnectionInput, reason?: string) {
      checkDriver(input.driver, ipams.names)
      const id = newId()
      rehearse(() => ipams.rehearse(candidate(id, input)))
      try {
        return await db.$transaction(async tx => {
          const { name, driver, ...rest } = columns(id, input)
          const row = await tx.connection.create({
            data: { id, name: input.name, driver: input.driver, ...rest },
          })
          await audit(tx, actor, {
            action: 'connection.add',
            subject: `connection:${input.name}`,
            reason,
            change: publicPart(input),
          })
          return presentConnection(row)
        })
      } catch (error) {
        if (!isUniqueViolation(error)) throw error
        throw new IpbridgeError('already_exists', `there is a connection ${input.name} already`)
      }
    },

    async change(actor: Actor, name: string, input: Partial<ConnectionInput>, reason?: string) {
      if (input.driver !== undefined) checkDriver(input.driver, ipams.names)
      const row = await find(name)
      const { id, driver } = row
      if (name === 'builtin' && (input.driver ?? driver) !== driver) {
        throw new IpbridgeError('in_use', 'the connection builtin always has the driver builtin')
      }
      rehearse(() => ipams.rehearse(candidate(id, input, row)))
      return db.$transaction(async tx => {
        const row = await tx.connection.update({ where: { id }, data: columns(id, input) })
        await audit(tx, actor, {
          action: 'connection.change',
          subject: `connection:${name}`,
          reason,
          change: publicPart(input),
        })
        return presentConnection(row)
      })
    },

    /** @throws in_use while servers, pools or live addresses depend on it */
    async remove(actor: Actor, name: string, reason?: string): Promise<void> {
      const { id } = await find(name)
      if (name === 'builtin') throw new IpbridgeError('in_use', 'the connection builtin is always there')
      const [servers, pools, assignments] = await Promise.all([
        db.server.count({ where: { connectionId: id } }),
        db.pool.count({ where: { connectionId: id } }),
        db.assignment.count({ where: { connectionId: id } }),
      ])
      if (servers + pools + assignments > 0) {
        const what = `${servers} servers, ${pools} pools and ${assignments} present or former addresses`
        throw new IpbridgeError(
          'in_use',
          `connection ${name} has ${what}; it can be changed, but not removed`,
        )
      }
      await db.$transaction(async tx => {
        await tx.connection.delete({ where: { id } })
        await audit(tx, actor, { action: 'connection.remove', subject: `connection:${name}`, reason })
      })
    },

    /** "Test connection": what works, what does not, and what to do about it. */
    async test(name: string, signal: AbortSignal): Promise<ConnectionCheck> {
      const { id } = await find(name)
      try {
        return await (await ipams.driver(id)).check(signal)
      } catch (error) {
        return { ok: false, pools: [], remarks: [asIpbridgeError(error).message] }
      }
    },
  }
}

/** A connection as it would be, but for the secrets that stay as they are. */
function candidate(id: string, input: Partial<ConnectionInput>, row?: Row): OpenConnection {
  const sealed = (secret: string | null | undefined) => (secret ? '(sealed)' : undefined)
  const settings = (value: unknown) => (value ?? {}) as Record<string, unknown>
  return {
    id,
    name: input.name ?? row?.name ?? '',
    driver: input.driver ?? row?.driver ?? '',
    url: input.url ?? row?.url ?? undefined,
    login: input.login ?? row?.login ?? undefined,
    password: input.password ?? sealed(row?.password),
    adminLogin: input.adminlogin ?? row?.adminLogin ?? undefined,
    adminPassword: input.adminpassword ?? sealed(row?.adminPassword),
    hiddenTypes: input.hiddentypes ?? row?.hiddenTypes ?? [],
    conflictPtr: input.conflictPtr ?? row?.conflictPtr ?? '',
    addressSpace: input.addressSpace ?? row?.addressSpace ?? '',
    maxConcurrent: input.maxConcurrent ?? row?.maxConcurrent ?? undefined,
    tls: settings(input.tls ?? row?.tls),
    options: settings(input.options ?? row?.options),
    updatedAt: new Date(),
  }
}

/** What makes it unsafe, said wherever it is shown. */
function warningsOf(row: Row): string[] {
  const tls = (row.tls ?? {}) as { verify?: boolean; fingerprint?: string }
  if (!trustsAnybody(tls)) return []
  return [
    'the certificate is not verified (tls.verify is false): whoever stands in between reads the passwords',
  ]
}

function presentConnection(row: Row) {
  return {
    name: row.name,
    driver: row.driver,
    url: row.url,
    login: row.login,
    adminlogin: row.adminLogin,
    hiddentypes: row.hiddenTypes,
    conflictPtr: row.conflictPtr,
    addressSpace: row.addressSpace,
    maxConcurrent: row.maxConcurrent,
    tls: withoutSecrets(row.tls) as Record<string, unknown>,
    options: withoutSecrets(row.options) as Record<string, unknown>,
    /** Which of the write-only secrets are set. */
    secretsSet: [...(row.password ? ['password'] : []), ...(row.adminPassword ? ['adminpassword'] : [])],
    /** What its latest call found wrong with it. */
    problem: row.problem as (Problem & { since: string }) | null,
    warnings: warningsOf(row),
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
  }
}

function checkDriver(driver: string, drivers: string[]): void {
  if (drivers.includes(driver)) return
  throw new IpbridgeError('invalid_request', `there is no driver ${JSON.stringify(driver)}`, {
    faults: [{ pointer: '/driver', message: `must be one of ${drivers.join(', ')}` }],
  })
}

function publicPart({
  password,
  adminpassword,
  ...plain
}: Partial<ConnectionInput>): Record<string, unknown> {
  const changed = [...(password ? ['password'] : []), ...(adminpassword ? ['adminpassword'] : [])]
  return changed.length > 0 ? { ...plain, sealed: changed } : plain
}
