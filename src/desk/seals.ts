import { type Db, Prisma } from '../db/client.ts'
import { placeOf } from '../db/registry.ts'
import type { Vault } from '../db/vault.ts'
import { type Actor, audit } from './actor.ts'

/** A stored secret, without the secret. */
export interface SealView {
  /** Such as `connection ipm, password`. */
  secret: string
  /** `outdated`: sealed with a key that is not the first one; `unreadable`: no key that we have opens it. */
  state: 'current' | 'outdated' | 'unreadable'
}

/** Every column that holds sealed secrets, and the place that each of them opens at. */
const columns = [
  { table: 'connection', column: 'password', place: placeOf.connectionPassword },
  { table: 'connection', column: 'admin_password', place: placeOf.connectionAdminPassword },
  { table: 'server', column: 'password', place: placeOf.serverPassword },
  { table: 'subscriber', column: 'secret', place: placeOf.subscriberSecret },
  { table: 'subscriber', column: 'old_secret', place: placeOf.subscriberSecret },
]
type Column = (typeof columns)[number]

/** How the stored secrets are sealed, and how they get a new key (docs/reference/configuration.md). */
export function sealDesk({ db, vault }: { db: Db; vault: Vault }) {
  const read = ({ table, column }: Column) =>
    db.$queryRaw<{ id: string; name: string; sealed: string }[]>`
      select id::text, name, ${Prisma.raw(column)} as sealed from ${Prisma.raw(table)}
      where ${Prisma.raw(column)} is not null order by name`

  /** @returns undefined where no key opens it */
  function open(sealed: string, place: string): string | undefined {
    try {
      return vault.open(sealed, place)
    } catch {
      return undefined
    }
  }

  return {
    async list(): Promise<SealView[]> {
      const views = columns.map(async column =>
        (await read(column)).map(({ id, name, sealed }): SealView => {
          const isOpen = open(sealed, column.place(id)) !== undefined
          const state = !isOpen ? 'unreadable' : vault.isOutdated(sealed) ? 'outdated' : 'current'
          return { secret: `${column.table} ${name}, ${column.column}`, state }
        }),
      )
      return (await Promise.all(views)).flat()
    },

    /** Seals anew, with the first key, whatever was sealed with another. Safe to repeat, and beside running processes. */
    async rotate(actor: Actor, reason?: string): Promise<{ sealed: number; unreadable: string[] }> {
      let sealed = 0
      const unreadable: string[] = []
      for (const column of columns) {
        for (const row of await read(column)) {
          if (!vault.isOutdated(row.sealed)) continue
          const secret = open(row.sealed, column.place(row.id))
          if (secret === undefined) unreadable.push(`${column.table} ${row.name}, ${column.column}`)
          else sealed += await replace(column, row, vault.seal(secret, column.place(row.id)))
        }
      }
      await db.$transaction(tx =>
        audit(tx, actor, {
          action: 'secret.rotate',
          subject: 'secrets',
          reason,
          change: { sealed, unreadable },
        }),
      )
      return { sealed, unreadable }
    },
  }

  /** Unless somebody has entered another secret meanwhile. */
  function replace({ table, column }: Column, row: { id: string; sealed: string }, sealed: string) {
    return db.$executeRaw`
      update ${Prisma.raw(table)} set ${Prisma.raw(column)} = ${sealed}
      where id = ${row.id}::uuid and ${Prisma.raw(column)} = ${row.sealed}`
  }
}
