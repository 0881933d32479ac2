import { z } from 'zod'
import { eventFilters, paging } from '../../desk/filters.ts'
import { outcomesOf } from '../../desk/outcomes.ts'
import { IpbridgeError } from '../../errors.ts'
import { described } from '../openapi.ts'
import type { Routes } from '../parts.ts'
import { may } from '../roles.ts'
import { createRush } from '../rush.ts'
import { pageOf } from '../shapes/common.ts'
import { receipts, storedEvent } from '../shapes/events.ts'
import { wait } from '../validation.ts'
import { rest } from '../waiting.ts'

const mostEvents = 1_000

const event = { $ref: '#/components/schemas/BillingEventInput' }

/** Described, but not checked here: intake checks each event, once. */
const oneOrMore = z.unknown().meta({
  description: 'one CloudEvent, or a list of them, of which all or none are taken in',
  oneOf: [event, { type: 'array', items: event, minItems: 1, maxItems: mostEvents }],
})

export const eventRoutes: Routes = parts => async app => {
  const enter = createRush()
  const parseJson = app.getDefaultJsonParser('error', 'error')
  const cloudEvents = ['application/cloudevents+json', 'application/cloudevents-batch+json']
  app.addContentTypeParser(cloudEvents, { parseAs: 'string' }, parseJson)

  app.post(
    '/events',
    {
      ...may('events.send', { unlimited: true }),
      schema: {
        ...described('events', 'sendEvents', 'Takes in events of billing'),
        consumes: ['application/json', ...cloudEvents],
        querystring: z.object({ wait }),
        body: oneOrMore,
        response: { 200: receipts, 202: receipts },
      },
    },
    async (request, reply) => {
      const given = listOf(request.body)
      const taken = await enter(given.length, () => parts.intake.accept(given, 'http'))
      const duplicates = taken.filter(receipt => receipt.status === 'duplicate').length
      const counts = { accepted: taken.length - duplicates, duplicates }
      const { wait } = request.query
      if (wait === undefined) return reply.code(202).send({ ...counts, events: taken })
      const operations = taken.flatMap(receipt => receipt.operations)
      await rest(parts, operations, wait, reply)
      const { events, atRest } = await outcomesOf(parts.desk, taken)
      return reply.code(atRest ? 200 : 202).send({ ...counts, events })
    },
  )

  app.get(
    '/events',
    {
      ...may('events.read'),
      schema: {
        ...described('events', 'listEvents', 'Lists the inbox, newest first'),
        querystring: z.object({ ...paging, ...eventFilters }),
        response: { 200: pageOf(storedEvent) },
      },
    },
    ({ query }) => parts.desk.journals.events(query),
  )
}

function listOf(body: unknown): unknown[] {
  const list = Array.isArray(body) ? body : [body]
  if (list.length > 0 && list.length <= mostEvents) return list
  const message = `must hold 1 to ${mostEvents} events, not ${list.length}`
  throw new IpbridgeError('invalid_request', `a batch ${message}`, { faults: [{ pointer: '', message }] })
}
