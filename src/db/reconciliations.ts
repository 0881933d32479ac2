import type { Address } from '../domain/address.ts'
import { nothingCounted, type Tally } from '../domain/doubts.ts'
import type { Difference, FindingClass } from '../domain/findings.ts'
import { createPlanHash, type HashedFinding } from '../domain/plan-hash.ts'
import { type FindingAction, type Policies, takingActions } from '../domain/reconcile-settings.ts'
import { type Db, Prisma, type Queryable } from './client.ts'
import { newId } from './ids.ts'
import { pagesOf } from './pages.ts'

/** A difference, and what its policy would have done about it. */
export interface FoundDifference extends Difference {
  subject: string
  action: FindingAction
}

/** Where a run takes up its work. */
export interface Begun {
  id: string
  /** Whether an earlier try has come so far already. */
  resumed: boolean
  /** When the run began. */
  at: Date
  phase: Phase
  /** Everything up to here is compared. */
  after: Address | undefined
  tally: Tally
  policies: Policies
  /** How many addresses there are to compare, as far as can be told. */
  total: number
}

/** What a run does, in order: it compares the addresses, then looks at panels and operations, then plans. */
export type Phase = 'addresses' | 'elsewhere'

/** A plan, as whoever asked for it is told. */
export interface MadePlan {
  id: string
  hash: string
  findings: number
}

/** Who writes: a run that has lost its fence writes nothing. */
export interface RunKey {
  id: string
  epoch: number
}

/** How far a run is. */
export interface Checkpoint {
  phase: Phase
  after: Address | undefined
  tally: Tally
}

/** What a reviewer says about a finding, or about all at an address, or of a class. */
export interface Decision {
  finding?: string | undefined
  address?: Address | undefined
  class?: FindingClass | undefined
  decision: 'accept' | 'ignore'
}

export type Reconciliations = ReturnType<typeof createReconciliations>

const hashPage = 2_000

/** The runs of reconciliation, with their findings and plans. */
export function createReconciliations(db: Db) {
  return {
    /** The plan that an earlier try of an operation made, and did not come to tell of. */
    async made(operation: string): Promise<MadePlan | undefined> {
      const [plan] = await db.$queryRaw<MadePlan[]>`
        select r.id, r.hash, (
          select count(*)::int from finding f where f.reconciliation_id = r.id and f.decision = 'accept') as findings
        from reconciliation r
        where r.operation_id = ${operation}::uuid and r.state in ('planned', 'applied')`
      return plan
    },

    /**
     * Begins a run, or goes on with the one that an earlier try of the same operation began.
     * @param options.total how many addresses there will be at the least
     * @param options.policies given whether the IPAM's PTRs are still to be taken over
     */
    async begin(
      connectionId: string,
      operation: RunKey,
      options: { total: number; policies: (isFirst: boolean) => Policies },
    ): Promise<Begun> {
      const { epoch } = operation
      const [open] = await db.$queryRaw<(Omit<Begun, 'after' | 'resumed'> & { after: Address | null })[]>`
        update reconciliation set epoch = ${epoch}::int, remark = null
        where operation_id = ${operation.id}::uuid and state = 'running' and epoch < ${epoch}::int
        returning id, created_at as at, last_address as after, tally, policies, total,
          case when tally ->> 'phase' = 'elsewhere' then 'elsewhere' else 'addresses' end as phase`
      if (open) {
        const tally = { ...nothingCounted, ...open.tally }
        return { ...open, tally, after: open.after ?? undefined, resumed: open.after !== null }
      }
      const [before] = await db.$queryRaw<{ id: string | null; compared: number | null; first: boolean }[]>`
        select p.id, p.compared, not exists (
          select from reconciliation r
          where r.connection_id = ${connectionId}::uuid and (r.state = 'applied' or (
            r.state = 'planned' and not r.counts ? 'ptr' and coalesce((r.tally ->> 'ours')::int, r.compared) > 0))) as first
        from (select 1) one left join lateral (
          select id, compared from reconciliation
          where connection_id = ${connectionId}::uuid and state in ('planned', 'applied') order by id desc limit 1) p on true`
      const policies = options.policies(before?.first ?? true)
      const total = Math.max(options.total, before?.compared ?? 0)
      const id = newId()
      // A run whose operation was given up left its row open.
      await db.$executeRaw`
        update reconciliation set state = 'failed', ended_at = now(), remark = concat_ws('; ', remark, 'a later run took its place')
        where connection_id = ${connectionId}::uuid and state = 'running'`
      const { createdAt } = await db.reconciliation.create({
        data: {
          id,
          connectionId,
          operationId: operation.id,
          epoch,
          state: 'running',
          total,
          previousId: before?.id ?? null,
          policies,
        },
      })
      return {
        id,
        resumed: false,
        at: createdAt,
        phase: 'addresses',
        after: undefined,
        tally: nothingCounted,
        policies,
        total,
      }
    },

    /**
     * Stores how far a run is, with what it found on the way: all or nothing. What the run before has seen, too, is
     * told by its streak, and stays ignored where it was ignored and has not changed.
     * @returns false where the fence was lost
     */
    async store(
      key: RunKey,
      { phase, after, tally }: Checkpoint,
      found: FoundDifference[],
    ): Promise<boolean> {
      const items = found.map(({ serviceId, assignmentId, ...item }) => ({
        ...item,
        id: newId(),
        service: serviceId,
        assignment: assignmentId,
        taking: takingActions.includes(item.action),
      }))
      const [row] = await db.$queryRaw<{ written: number }[]>`
        with mine as (
          update reconciliation
          set last_address = coalesce(${after ?? null}::inet, last_address), compared = ${tally.compared}::int,
            total = greatest(total, ${tally.compared}::int), tally = ${JSON.stringify({ ...tally, phase })}::jsonb
          where id = ${key.id}::uuid and epoch = ${key.epoch}::int and state = 'running'
          returning id, previous_id),
        stored as (
          insert into finding (id, reconciliation_id, class, address, service_id, assignment_id, ours, theirs, subject,
            action, streak, decision, note)
          select i.id, mine.id, i.class, i.address, i.service, i.assignment, i.ours, i.theirs, i.subject,
            case when i.taking and p.id is null then 'report' else i.action end, coalesce(p.streak, 0) + 1,
            case when p.decision = 'ignore' and p.ours is not distinct from i.ours and p.theirs is not distinct from i.theirs
              then 'ignore' else 'accept' end,
            case when i.taking and p.id is null then 'waits for the next run to see it, too' end
          from mine
          cross join jsonb_to_recordset(${JSON.stringify(items)}::jsonb) as i (
            id uuid, class text, address inet, service text, assignment uuid, ours jsonb, theirs jsonb, subject text,
            action text, taking boolean)
          left join finding p on p.reconciliation_id = mine.previous_id and p.subject = i.subject
          on conflict (reconciliation_id, subject) do nothing)
        select count(*)::int as written from mine`
      return row?.written === 1
    },

    /** Forgets what was found elsewhere than in the lists of addresses, because that is looked at anew. */
    async forgetElsewhere(key: RunKey): Promise<void> {
      await db.$executeRaw`
        delete from finding f using reconciliation r
        where r.id = ${key.id}::uuid and r.epoch = ${key.epoch}::int and f.reconciliation_id = r.id
          and f.class in ('stuck', 'stray', 'unconfigured', 'unbilled')`
    },

    /** Says why a run came no further. @param options.ended nobody will go on with it */
    async breakOff(
      key: RunKey,
      options: { remark: string; ended: false | 'failed' | 'stopped' },
    ): Promise<void> {
      const { remark, ended } = options
      await db.$executeRaw`
        update reconciliation
        set remark = ${remark}, state = case when ${ended !== false} then ${ended || 'running'} else state end,
          ended_at = case when ${ended !== false} then now() end
        where id = ${key.id}::uuid and epoch = ${key.epoch}::int and state = 'running'`
    },

    /**
     * Makes the plan of what was found, within the guard rails.
     * @param rails.doubts why nothing may be taken from anybody at all; none where all is well
     * @param rails.most how much may be taken at the most
     * @returns undefined where the fence was lost
     */
    async plan(
      key: RunKey,
      rails: { doubts: string[]; remarks: string[]; most: number },
    ): Promise<{ hash: string; findings: number } | undefined> {
      const { doubts, remarks, most } = rails
      const held = Prisma.sql`action = 'report', note = ${doubts[0] ?? `the plan has reached its limit of ${most}`}`
      await db.$executeRaw`
        update finding set ${held}
        where id in (
          select f.id from finding f join reconciliation r on r.id = f.reconciliation_id
          where r.id = ${key.id}::uuid and r.epoch = ${key.epoch}::int and f.action = any (${takingActions}::text[])
            and f.decision = 'accept'
          order by f.address, f.id offset ${doubts.length > 0 ? 0 : most}::int)`
      await db.$executeRaw`
        update finding f set action = 'report', note = 'was ignored when the plan was made'
        from reconciliation r
        where r.id = ${key.id}::uuid and r.epoch = ${key.epoch}::int and f.reconciliation_id = r.id
          and f.action = any (${takingActions}::text[]) and f.decision = 'ignore'`
      const { hash, findings } = await sumUp(db, key.id)
      const said = [...doubts.map(doubt => `${doubt}: no address is given back`), ...remarks].join('; ')
      const written = await db.$executeRaw`
        update reconciliation r
        set state = 'planned', hash = ${hash}, total = compared, ended_at = now(), remark = nullif(${said}, ''),
          changes = r.changes || jsonb_build_object('gone', (
            select count(*) from finding p where p.reconciliation_id = r.previous_id and not exists (
              select from finding f where f.reconciliation_id = r.id and f.subject = p.subject)))
        where r.id = ${key.id}::uuid and r.epoch = ${key.epoch}::int and r.state = 'running'`
      return written === 1 ? { hash, findings } : undefined
    },

    /**
     * Writes down what a reviewer says about findings of an open plan, which has another hash then.
     * @returns undefined where the plan is not open any more; else which findings do not exist
     */
    async review(tx: Queryable, id: string, decisions: Decision[]): Promise<string[] | undefined> {
      const [open] = await tx.$queryRaw<{ id: string }[]>`
        select id from reconciliation where id = ${id}::uuid and state = 'planned' for update`
      if (open === undefined) return undefined
      const unknown: string[] = []
      for (const { finding, address, class: kind, decision } of decisions) {
        const changed = await tx.$executeRaw`
          update finding set decision = ${decision}
          where reconciliation_id = ${id}::uuid and (${finding ?? null}::uuid is null or id = ${finding ?? null}::uuid)
            and (${address ?? null}::inet is null or address = ${address ?? null}::inet)
            and (${kind ?? null}::text is null or class = ${kind ?? null})`
        if (changed === 0) unknown.push(finding ?? [kind, address].filter(Boolean).join(' '))
      }
      const { hash } = await sumUp(tx, id)
      await tx.$executeRaw`update reconciliation set hash = ${hash} where id = ${id}::uuid`
      return unknown
    },
  }
}

/** Counts what a plan would do and hashes it, in bounded memory, and writes the counts down. */
async function sumUp(db: Queryable, id: string): Promise<{ hash: string; findings: number }> {
  const [run] = await db.$queryRaw<{ connection: string }[]>`
    update reconciliation r
    set counts = coalesce((
        select jsonb_object_agg(class, n) from (
          select class, count(*) as n from finding where reconciliation_id = r.id and decision = 'accept' group by 1) c), '{}'),
      changes = changes || (
        select jsonb_build_object(
          'new', count(*) filter (where decision = 'accept' and streak = 1),
          'still', count(*) filter (where decision = 'accept' and streak > 1),
          'ignored', count(*) filter (where decision = 'ignore'))
        from finding where reconciliation_id = r.id)
    where r.id = ${id}::uuid returning connection_id as connection`
  const hash = createPlanHash(run?.connection ?? '')
  let findings = 0
  const pages = pagesOf({
    size: hashPage,
    keyOf: (row: HashedFinding) => row.subject,
    read: after => db.$queryRaw<HashedFinding[]>`
      select subject, action, decision, ours, theirs from finding
      where reconciliation_id = ${id}::uuid and subject > ${after ?? ''} order by subject limit ${hashPage}::int`,
  })
  for await (const rows of pages) {
    for (const row of rows) {
      hash.add(row)
      if (row.decision === 'accept') findings += 1
    }
  }
  return { hash: hash.digest(), findings }
}
