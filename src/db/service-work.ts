import { Prisma } from './client.ts'

/** Whether a service is being worked on. @param id the column with its id */
export const isBusy = (id: Prisma.Sql): Prisma.Sql => Prisma.sql`exists (
  select from operation o where o.service_id = ${id} and o.state in ('queued', 'running', 'waiting'))`

/** Changes with everything that is done for a service, so that two looks can be told apart. @param id as above */
export const workOf = (id: Prisma.Sql): Prisma.Sql => Prisma.sql`(
  select concat_ws(' ', count(*), max(o.seq), max(o.epoch), max(o.ended_at)) from operation o where o.service_id = ${id})`
