import type { Db } from '../db/client.ts'
import { isUniqueViolation, type Prisma } from '../db/client.ts'
import { newId } from '../db/ids.ts'
import { type OpenServer, placeOf } from '../db/registry.ts'
import type { Vault } from '../db/vault.ts'
import { asIpbridgeError, IpbridgeError } from '../errors.ts'
import type { ServerPanels } from '../panels/servers.ts'
import { type Actor, audit } from './actor.ts'
import { type Page, type PageQuery, page } from './paging.ts'
import { rehearse } from './rehearsal.ts'
import type { ServerInput } from './schemas.ts'
import { withoutSecrets } from './secrets.ts'

type Row = Prisma.ServerModel & { connection: { name: string } }

/** The control panels and nodes that run services. */
export function serverDesk({ db, vault, panels }: { db: Db; vault: Vault; panels: ServerPanels }) {
  const include = { connection: { select: { name: true } } }

  const find = async (name: string): Promise<Row> => {
    const row = await db.server.findUnique({ where: { name }, include })
    if (row === null) throw new IpbridgeError('not_found', `there is no server ${name}`)
    return row
  }

  async function columns(id: string, input: Partial<ServerInput>) {
    const { password, connection, tls, options, ...plain } = input
    if (input.panel !== undefined) checkPanel(input.panel, panels.names)
    return {
      ...plain,
      ...(connection === undefined ? {} : { connectionId: await connectionId(connection) }),
      ...(tls === undefined ? {} : { tls: tls as Prisma.InputJsonObject }),
      ...(options === undefined ? {} : { options: options as Prisma.InputJsonObject }),
      ...(password === undefined ? {} : { password: vault.seal(password, placeOf.serverPassword(id)) }),
    }
  }

  /** Checks the settings as the panel's driver takes them, before they are stored. */
  const check = (server: Omit<OpenServer, 'connectionId' | 'updatedAt'>) =>
    rehearse(() => panels.rehearse({ ...server, connectionId: '', updatedAt: new Date(0) }))

  async function connectionId(name: string): Promise<string> {
    const row = await db.connection.findUnique({ where: { name } })
    if (row) return row.id
    throw new IpbridgeError('invalid_request', `there is no connection ${JSON.stringify(name)}`, {
      faults: [
        {
          pointer: '/connection',
          message: 'must be the name of a connection; see `ipbridge connection list`',
        },
      ],
    })
  }

  /** A password that no key opens any more has to be entered again, like one that is not there. */
  function opened(sealed: string | null, id: string): string | undefined {
    if (sealed === null) return undefined
    try {
      return vault.open(sealed, placeOf.serverPassword(id))
    } catch {
      return undefined
    }
  }

  return {
    list(query: PageQuery): Promise<Page<ReturnType<typeof presentServer>>> {
      const read = (after: string | undefined, take: number) =>
        db.server.findMany({
          where: after ? { name: { gt: after } } : {},
          orderBy: { name: 'asc' },
          take,
          include,
        })
      return page(query, read, row => row.name, presentServer)
    },

    show: async (name: string) => presentServer(await find(name)),

    async add(actor: Actor, input: ServerInput, reason?: string) {
      const id = newId()
      const { name, connectionId = '', ...rest } = await columns(id, input)
      const { url, login, password, tls = {}, options = {} } = input
      check({ id, name: input.name, panel: input.panel, url, login, password, tls, options })
      try {
        return await db.$transaction(async tx => {
          const row = await tx.server.create({
            data: { id, name: input.name, connectionId, ...rest },
            include,
          })
          await audit(tx, actor, {
            action: 'server.add',
            subject: `server:${input.name}`,
            reason,
            change: publicPart(input),
          })
          return presentServer(row)
        })
      } catch (error) {
        if (!isUniqueViolation(error)) throw error
        throw new IpbridgeError('already_exists', `there is a server ${input.name} already`)
      }
    },

    async change(actor: Actor, name: string, input: Partial<ServerInput>, reason?: string) {
      const row = await find(name)
      const { id } = row
      const data = await columns(id, input)
      check({
        id,
        name,
        panel: input.panel ?? row.panel,
        url: input.url ?? row.url ?? undefined,
        login: input.login ?? row.login ?? undefined,
        password: input.password ?? opened(row.password, id),
        tls: input.tls ?? (row.tls as Record<string, unknown>),
        options: input.options ?? (row.options as Record<string, unknown>),
      })
      return db.$transaction(async tx => {
        const row = await tx.server.update({ where: { id }, data, include })
        await audit(tx, actor, {
          action: 'server.change',
          subject: `server:${name}`,
          reason,
          change: publicPart(input),
        })
        return presentServer(row)
      })
    },

    /** @throws in_use while services name it */
    async remove(actor: Actor, name: string, reason?: string): Promise<void> {
      const { id } = await find(name)
      const services = await db.service.count({ where: { serverId: id } })
      if (services > 0)
        throw new IpbridgeError('in_use', `server ${name} has ${services} present or former services`)
      await db.$transaction(async tx => {
        await tx.server.delete({ where: { id } })
        await audit(tx, actor, { action: 'server.remove', subject: `server:${name}`, reason })
      })
    },

    async test(
      name: string,
      signal: AbortSignal,
    ): Promise<{ ok: boolean; version?: string; remarks: string[] }> {
      const { id } = await find(name)
      try {
        return await (await panels.panel(id)).check(signal)
      } catch (error) {
        return { ok: false, remarks: [asIpbridgeError(error).message] }
      }
    },
  }
}

function presentServer(row: Row) {
  return {
    name: row.name,
    panel: row.panel,
    url: row.url,
    login: row.login,
    connection: row.connection.name,
    tls: withoutSecrets(row.tls) as Record<string, unknown>,
    options: withoutSecrets(row.options) as Record<string, unknown>,
    secretsSet: row.password ? ['password'] : [],
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
  }
}

function checkPanel(panel: string, known: string[]): void {
  if (known.includes(panel)) return
  throw new IpbridgeError('invalid_request', `there is no panel ${JSON.stringify(panel)}`, {
    faults: [{ pointer: '/panel', message: `must be one of ${known.join(', ')}` }],
  })
}

function publicPart({ password, ...plain }: Partial<ServerInput>): Record<string, unknown> {
  return password === undefined ? plain : { ...plain, sealed: ['password'] }
}
