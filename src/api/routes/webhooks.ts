import { z } from 'zod'
import { deliveryFilters, paging } from '../../desk/filters.ts'
import { replayInput, webhookChange, webhookInput } from '../../desk/schemas.ts'
import { described } from '../openapi.ts'
import type { Routes } from '../parts.ts'
import { may } from '../roles.ts'
import { pageOf } from '../shapes/common.ts'
import { delivery, newWebhook, replayed, tested, webhook } from '../shapes/webhooks.ts'
import { named, nothing, withReason } from '../validation.ts'

/** How long "test webhook" may take. */
const testMs = 25_000

export const webhookRoutes: Routes =
  ({ desk: { webhooks } }) =>
  async app => {
    app.get(
      '/webhooks',
      {
        ...may('webhooks.read'),
        schema: {
          ...described('webhooks', 'listWebhooks', 'Lists webhooks by name'),
          querystring: z.object(paging),
          response: { 200: pageOf(webhook) },
        },
      },
      ({ query }) => webhooks.list(query),
    )

    app.get(
      '/webhooks/:name',
      {
        ...may('webhooks.read'),
        schema: {
          ...described('webhooks', 'showWebhook', 'Shows a webhook, without its secret'),
          params: named,
          response: { 200: webhook },
        },
      },
      ({ params }) => webhooks.show(params.name),
    )

    app.post(
      '/webhooks',
      {
        ...may('webhooks.write'),
        schema: {
          ...described('webhooks', 'addWebhook', 'Adds a webhook, whose secret is shown this once'),
          body: webhookInput.extend(withReason),
          response: { 201: newWebhook },
        },
      },
      async ({ body: { reason, ...input }, caller }, reply) =>
        reply.code(201).send(await webhooks.add(caller, input, reason)),
    )

    app.patch(
      '/webhooks/:name',
      {
        ...may('webhooks.write'),
        schema: {
          ...described(
            'webhooks',
            'changeWebhook',
            'Changes the fields that are given; `state` enables it again',
          ),
          params: named,
          body: webhookChange.extend(withReason),
          response: { 200: webhook },
        },
      },
      ({ params, body: { reason, ...input }, caller }) => webhooks.change(caller, params.name, input, reason),
    )

    app.delete(
      '/webhooks/:name',
      {
        ...may('webhooks.write'),
        schema: {
          ...described('webhooks', 'removeWebhook', 'Removes a webhook and its delivery log'),
          params: named,
          querystring: z.object(withReason),
          response: { 204: nothing },
        },
      },
      async ({ params, query, caller }, reply) => {
        await webhooks.remove(caller, params.name, query.reason)
        return reply.code(204).send()
      },
    )

    app.post(
      '/webhooks/:name/rotate',
      {
        ...may('webhooks.write'),
        schema: {
          ...described(
            'webhooks',
            'rotateWebhook',
            'Makes a new secret; for a day messages are signed with both',
          ),
          params: named,
          body: z.strictObject(withReason).nullish(),
          response: { 200: newWebhook },
        },
      },
      ({ params, body, caller }) => webhooks.rotate(caller, params.name, body?.reason),
    )

    app.post(
      '/webhooks/:name/test',
      {
        ...may('webhooks.run'),
        schema: {
          ...described('webhooks', 'testWebhook', 'Sends a `webhook.test` at once, and says how it went'),
          params: named,
          response: { 200: tested },
        },
      },
      ({ params }) => webhooks.test(params.name, AbortSignal.timeout(testMs)),
    )

    app.post(
      '/webhooks/:name/replay',
      {
        ...may('webhooks.run'),
        schema: {
          ...described('webhooks', 'replayWebhook', 'Sends messages once more, under their own ids'),
          params: named,
          body: replayInput.safeExtend(withReason),
          response: { 202: replayed },
        },
      },
      async ({ params, body: { reason, ...input }, caller }, reply) =>
        reply.code(202).send(await webhooks.replay(caller, params.name, input, reason)),
    )

    app.get(
      '/webhooks/:name/deliveries',
      {
        ...may('webhooks.read'),
        schema: {
          ...described(
            'webhooks',
            'listDeliveries',
            'Lists what became of messages to a webhook, newest first',
          ),
          params: named,
          querystring: z.object({ ...paging, ...deliveryFilters }),
          response: { 200: pageOf(delivery) },
        },
      },
      ({ params, query }) => webhooks.deliveries(params.name, query),
    )
  }
