import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import { eventTypes } from '../../domain/events.ts'
import { IpbridgeError } from '../../errors.ts'
import type { Receipt } from '../../intake/intake.ts'
import { described } from '../openapi.ts'
import type { Parts, Routes } from '../parts.ts'
import { may } from '../roles.ts'
import { pageOf } from '../shapes/common.ts'
import { receipts, storedEvent } from '../shapes/events.ts'
import { paging, wait } from '../validation.ts'
import { isAtRest, rest, standingOf } from '../waiting.ts'

const mostEvents = 1_000

const event = { $ref: '#/components/schemas/BillingEventInput' }

/** Described, but not checked here: intake checks each event, once. */
const oneOrMore = z.unknown().meta({
  description: 'one CloudEvent, or a list of them, of which all or none are taken in',
  oneOf: [event, { type: 'array', items: event, minItems: 1, maxItems: mostEvents }],
})

const filters = {
  source: z.string().max(300).optional(),
  id: z.string().max(200).optional(),
  type: z.enum(eventTypes).optional(),
  status: z.enum(['accepted', 'superseded']).optional(),
}

export const eventRoutes: Routes = parts => async app => {
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
      const taken = await parts.intake.accept(listOf(request.body), 'http')
      const duplicates = taken.filter(receipt => receipt.status === 'duplicate').length
      const counts = { accepted: taken.length - duplicates, duplicates }
      const { wait } = request.query
      if (wait === undefined) return reply.code(202).send({ ...counts, events: taken })
      const { events, atRest } = await outcomes(parts, taken, wait, reply)
      return reply.code(atRest ? 200 : 202).send({ ...counts, events })
    },
  )

  app.get(
    '/events',
    {
      ...may('events.read'),
      schema: {
        ...described('events', 'listEvents', 'Lists the inbox, newest first'),
        querystring: z.object({ ...paging, ...filters }),
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

/** What has become of events, after their operations were waited for. */
async function outcomes(parts: Parts, taken: Receipt[], seconds: number, reply: FastifyReply) {
  const { desk } = parts
  const ids = taken.flatMap(receipt => receipt.operations)
  await rest(parts, ids, seconds, reply)
  const standings = new Map((await desk.operations.standing(ids)).map(row => [row.id, row]))
  const addresses = new Map((await desk.addresses.ofOperations(ids)).map(row => [row.operation, row.view]))
  const events = taken.map(receipt => {
    const operations = receipt.operations.flatMap(id => standings.get(id) ?? [])
    return {
      ...receipt,
      state: standingOf(operations.map(({ state }) => state)),
      addresses: receipt.operations.flatMap(id => addresses.get(id) ?? []),
      errors: operations.flatMap(({ id, error }) => (error ? { operation: id, ...error } : [])),
    }
  })
  return { events, atRest: [...standings.values()].every(({ state }) => isAtRest(state)) }
}
