import { type Db, Prisma } from '../db/client.ts'
import { pagesOf } from '../db/pages.ts'
import type { Address } from '../domain/address.ts'
import type { FindingClass } from '../domain/findings.ts'
import type { FindingAction } from '../domain/reconcile-settings.ts'
import { type Page, type PageQuery, page } from './paging.ts'

export interface FindingView {
  id: string
  class: FindingClass
  address: Address | null
  service: string | null
  ours: unknown
  theirs: unknown
  action: FindingAction
  /** `ignore`: the reviewer wants nothing done about it, until it changes. */
  decision: 'accept' | 'ignore'
  /** Whether the run before has found it, too. */
  change: 'new' | 'still' | 'gone'
  /** How many runs in a row have found it. */
  streak: number
  /** Why the plan leaves it at telling, where its class's policy alone would not. */
  note: string | null
  /** The operation that came of it. */
  operation: string | null
}

/** A finding with what applying it needs to know. */
export interface StoredFinding extends FindingView {
  assignment: string | null
}

export interface FindingFilter extends PageQuery {
  class?: FindingClass | undefined
  change?: 'new' | 'still' | 'gone' | undefined
  decision?: 'accept' | 'ignore' | undefined
}

type Row = StoredFinding & { key: string }

/**
 * Reads findings by address. Those without one, such as an operation that is not about an address yet, come last.
 * What is gone is read from the run before.
 */
export function readFindings(
  db: Pick<Db, '$queryRaw'>,
  reconciliation: string,
  filter: FindingFilter,
): Promise<Page<FindingView>> {
  const read = (after: string | undefined, take: number) =>
    selectFindings(db, reconciliation, filter, after, take)
  return page(
    filter,
    read,
    row => row.key,
    ({ key: _, assignment: __, ...finding }) => finding,
  )
}

/** All findings of a run that are to be applied, in pages. */
export function findingsToApply(
  db: Pick<Db, '$queryRaw'>,
  reconciliation: string,
  size: number,
): AsyncGenerator<StoredFinding[]> {
  const accepted = { decision: 'accept' } as const
  const wanted = Prisma.sql`f.action <> 'report'`
  return pagesOf({
    size,
    keyOf: (row: Row) => row.key,
    read: after => selectFindings(db, reconciliation, accepted, after, size, wanted),
  })
}

function selectFindings(
  db: Pick<Db, '$queryRaw'>,
  reconciliation: string,
  filter: Omit<FindingFilter, keyof PageQuery>,
  after: string | undefined,
  take: number,
  more = Prisma.sql`true`,
): Promise<Row[]> {
  const [place = null, id = null] = after?.split(' ') ?? []
  const isGone = filter.change === 'gone'
  const whose = isGone
    ? Prisma.sql`f.reconciliation_id = (select previous_id from reconciliation where id = ${reconciliation}::uuid)
        and not exists (
          select from finding n where n.reconciliation_id = ${reconciliation}::uuid and n.subject = f.subject)`
    : Prisma.sql`f.reconciliation_id = ${reconciliation}::uuid`
  const conditions = [
    whose,
    more,
    ...(filter.class ? [Prisma.sql`f.class = ${filter.class}`] : []),
    ...(filter.decision ? [Prisma.sql`f.decision = ${filter.decision}`] : []),
    ...(filter.change === 'new' ? [Prisma.sql`f.streak = 1`] : []),
    ...(filter.change === 'still' ? [Prisma.sql`f.streak > 1`] : []),
    ...(after === undefined
      ? []
      : place === '-'
        ? [Prisma.sql`f.address is null and f.id > ${id}::uuid`]
        : [Prisma.sql`(f.address is null or (f.address, f.id) > (${place}::inet, ${id}::uuid))`]),
  ]
  return db.$queryRaw<Row[]>`
    select f.id, f.class, host(f.address) as address, f.service_id as service, f.assignment_id as assignment, f.ours, f.theirs,
      f.action, f.decision, f.streak, f.note, f.operation_id as operation,
      case when ${isGone} then 'gone' when f.streak = 1 then 'new' else 'still' end as change,
      coalesce(host(f.address), '-') || ' ' || f.id as key
    from finding f where ${Prisma.join(conditions, ' and ')}
    order by f.address nulls last, f.id limit ${take}::int`
}
