import { Readable } from 'node:stream'
import { z } from 'zod'
import { findingFilters, paging } from '../../desk/filters.ts'
import { reportFormats } from '../../desk/reports.ts'
import { decisionInput } from '../../desk/schemas.ts'
import { IpbridgeError } from '../../errors.ts'
import { described } from '../openapi.ts'
import type { Routes } from '../parts.ts'
import { may } from '../roles.ts'
import { pageOf } from '../shapes/common.ts'
import { operation } from '../shapes/ledger.ts'
import { finding, plan, planWithFindings } from '../shapes/plans.ts'
import { identified, withReason } from '../validation.ts'

/** How long it may take to look whether a plan still fits the world. */
const applyMs = 300_000

const filters = { connection: z.string().max(63).optional() }

export const reconciliationRoutes: Routes =
  ({ desk }) =>
  async app => {
    app.get(
      '/reconciliations',
      {
        ...may('reconciliations.read'),
        schema: {
          ...described('reconciliations', 'listReconciliations', 'Lists plans, newest first'),
          querystring: z.object({ ...paging, ...filters }),
          response: { 200: pageOf(plan) },
        },
      },
      ({ query }) => desk.reconciliations.list(query),
    )

    app.get(
      '/reconciliations/:id',
      {
        ...may('reconciliations.read'),
        schema: {
          ...described('reconciliations', 'showReconciliation', 'Shows a plan with its findings'),
          params: identified,
          response: { 200: planWithFindings },
        },
      },
      ({ params }) => desk.reconciliations.show(params.id),
    )

    app.get(
      '/reconciliations/:id/findings',
      {
        ...may('reconciliations.read'),
        schema: {
          ...described('reconciliations', 'listFindings', 'Lists the findings of a run by address'),
          params: identified,
          querystring: z.object({ ...paging, ...findingFilters }),
          response: { 200: pageOf(finding) },
        },
      },
      ({ params, query }) => desk.reconciliations.findings(params.id, query),
    )

    app.get(
      '/reconciliations/:id/export',
      {
        ...may('reconciliations.read'),
        schema: {
          ...described('reconciliations', 'exportReconciliation', 'Gives a whole report as a file'),
          params: identified,
          querystring: z.object({ format: z.enum(reportFormats).default('json') }),
          response: { 200: z.unknown().meta({ description: 'the report, as JSON or CSV' }) },
        },
      },
      async ({ params: { id }, query: { format } }, reply) => {
        const report = await desk.reconciliations.report(id, format)
        const type =
          format === 'csv' ? 'text/csv; charset=utf-8; header=present' : 'application/json; charset=utf-8'
        return reply
          .type(type)
          .header('content-disposition', `attachment; filename="reconciliation-${id}.${format}"`)
          .send(Readable.from(report, { objectMode: false }))
      },
    )

    app.patch(
      '/reconciliations/:id',
      {
        ...may('reconciliations.run'),
        schema: {
          ...described(
            'reconciliations',
            'reviewReconciliation',
            'Says which findings of a plan shall be applied',
          ),
          params: identified,
          body: z.strictObject({ decisions: z.array(decisionInput).min(1).max(1_000), ...withReason }),
          response: { 200: planWithFindings },
        },
      },
      async ({ params: { id }, body: { decisions, reason }, caller }) =>
        desk.reconciliations.show(await desk.reconciliations.review(caller, id, decisions, reason)),
    )

    app.post(
      '/reconciliations',
      {
        ...may('reconciliations.run'),
        schema: {
          ...described('reconciliations', 'reconcile', 'Starts to compare the ledger with a connection'),
          body: z.strictObject({ connection: z.string().min(1).max(63), ...withReason }),
          response: { 202: operation },
        },
      },
      async ({ body: { connection, reason }, caller }, reply) => {
        const by = { actor: caller, reason }
        const id = await desk.reconciliations.start(connection, `operator:${caller.name}`, by)
        return reply.code(202).send(await desk.operations.show(id))
      },
    )

    app.post(
      '/reconciliations/:id/apply',
      {
        ...may('reconciliations.run'),
        schema: {
          ...described(
            'reconciliations',
            'applyReconciliation',
            'Applies a plan, if the world is still as it says',
          ),
          params: identified,
          body: z.strictObject({
            hash: z.string().min(1).max(64).meta({ description: 'of the plan that was reviewed' }),
            ...withReason,
          }),
          response: { 202: z.object({ operations: z.array(z.string()) }) },
        },
      },
      async ({ params: { id }, body: { hash, reason }, caller }, reply) => {
        const reviewed = await desk.reconciliations.show(id)
        if (reviewed.hash !== hash) {
          const which = reviewed.hash === null ? 'has no plan' : `has the plan ${reviewed.hash}, not ${hash}`
          throw new IpbridgeError('plan_stale', `reconciliation ${id} ${which}`)
        }
        const signal = AbortSignal.timeout(applyMs)
        return reply.code(202).send(await desk.reconciliations.apply(caller, id, signal, reason))
      },
    )
  }
