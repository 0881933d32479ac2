import { type Db, Prisma } from '../db/client.ts'
import { lockConflict, saveDecision } from '../db/conflicts.ts'
import { newId } from '../db/ids.ts'
import { decideConflict, type Resolution } from '../domain/conflict.ts'
import { IpbridgeError } from '../errors.ts'
import type { IpamConnections } from '../ipam/connections.ts'
import type { Announcer } from '../queue/announcer.ts'
import { type Actor, audit } from './actor.ts'
import { type Page, type PageQuery, page } from './paging.ts'
import { uuid } from './tokens.ts'

/** An address that an IPAM granted although another service has it. */
export interface ConflictView {
  id: string
  address: string
  connection: string
  /** The service that it was granted to. */
  claimant: string
  /** The address that the claimant has now, in place of this one. */
  claimantAddress: string | null
  /** The service that has it in the ledger, or had it then. */
  holder: string
  holderState: string
  /** `open`: nobody has decided · `deciding`: what was decided is being done · `resolved`: it is done. */
  state: 'open' | 'deciding' | 'resolved'
  resolution: Resolution | null
  /** The operation that met it, and those that carry out what was decided. */
  operation: string
  decisions: string[]
  createdAt: Date
  resolvedAt: Date | null
}

export type ConflictDesk = ReturnType<typeof conflictDesk>

/** Conflicts, and an operator's ways out. */
export function conflictDesk(parts: {
  db: Db
  announcer: Announcer
  ipams: Pick<IpamConnections, 'driver'>
}) {
  const { db, announcer, ipams } = parts
  const select = (where: Prisma.Sql, take: number) => db.$queryRaw<ConflictView[]>`
    select k.id, host(k.address) as address, c.name as connection, k.claimant_service as claimant,
      (select host(n.address) from assignment n
        where n.service_id = a.service_id and n.slot = a.slot and n.family = a.family and n.state in ('reserved', 'active')) as "claimantAddress",
      k.holder_service as holder, h.state as "holderState", k.resolution, k.operation_id as operation,
      case when k.resolved_at is not null then 'resolved' when exists (
        select from operation o where o.id = any (k.decisions::uuid[]) and o.state not in ('done', 'superseded', 'cancelled'))
        then 'deciding' else 'open' end as state,
      k.decisions, k.created_at as "createdAt", k.resolved_at as "resolvedAt"
    from conflict k
    join connection c on c.id = k.connection_id
    join assignment a on a.id = k.claimant_id
    join assignment h on h.id = k.holder_id
    where ${where} order by k.id desc limit ${take}::int`

  async function show(id: string): Promise<ConflictView> {
    const [view] = await select(Prisma.sql`k.id = ${uuid(id)}::uuid`, 1)
    if (view === undefined) throw new IpbridgeError('not_found', `there is no conflict ${id}`)
    return view
  }

  /** Only some IPAMs let the record of an address pass from one service to another. */
  async function requirePassing(id: string, resolution: Resolution): Promise<void> {
    const { connectionId } = await db.conflict.findUniqueOrThrow({ where: { id: uuid(id) } })
    const driver = await ipams.driver(connectionId)
    if (driver.claim !== undefined) return
    const { address, connection, holder } = await show(id)
    throw new IpbridgeError(
      'wrong_state',
      `conflict ${id} over ${address} cannot be resolved as ${resolution}: ${connection} lets no record pass from one service to another; once service ${holder} has given the address up, resolve the conflict as free`,
    )
  }

  return {
    show,

    list(query: PageQuery & { open?: boolean | undefined }): Promise<Page<ConflictView>> {
      const open = query.open ? Prisma.sql`k.resolved_at is null` : Prisma.sql`true`
      const read = (after: string | undefined, take: number) =>
        select(after ? Prisma.sql`${open} and k.id < ${after}::uuid` : open, take)
      return page(
        query,
        read,
        row => row.id,
        row => row,
      )
    },

    /**
     * Decides a conflict. What was decided is done by ordinary operations; the conflict is resolved once they are.
     * @param reason why; an operator's word against one of two services must be explained
     * @returns the conflict, and the operations
     * @throws wrong_state or still_in_use where that way out is not open (any more), or never is with this IPAM
     */
    async resolve(
      actor: Actor,
      id: string,
      { resolution, reason }: { resolution: Resolution; reason: string },
    ): Promise<ConflictView & { operations: string[] }> {
      await show(id)
      if (resolution !== 'free') await requirePassing(id, resolution)
      const operations = await db.$transaction(async tx => {
        const facts = await lockConflict(tx, uuid(id))
        if (facts === undefined) throw new IpbridgeError('not_found', `there is no conflict ${id}`)
        const decision = decideConflict(facts, resolution, newId)
        if ('why' in decision) {
          const what = `conflict ${id} over ${facts.address} cannot be resolved as ${resolution}`
          throw new IpbridgeError(decision.code, `${what}: ${decision.why}`)
        }
        await saveDecision(tx, id, resolution, decision, `operator:${actor.name}`)
        await audit(tx, actor, {
          action: 'conflict.resolve',
          subject: `conflict:${id}`,
          reason,
          change: { address: facts.address, resolution, operations: decision.operations.map(o => o.id) },
        })
        return decision.operations
      })
      await announcer.announce(operations.map(({ id, kind }) => ({ id, kind, epoch: 0 })))
      return { ...(await show(id)), operations: operations.map(operation => operation.id) }
    },
  }
}
