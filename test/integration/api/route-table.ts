/**
 * Every route, and who may call it: written down a second time, by hand, so that a route which is added, or which is
 * opened to somebody else, is looked at by a person. `anybody` needs no token; what HEAD may do, GET tells.
 */
export const routeTable = `
GET    /metrics                                                           anybody
GET    /healthz                                                           anybody
GET    /readyz                                                            anybody
GET    /api/openapi.json                                                  anybody

POST   /api/v1/events                                                     admin operator billing
GET    /api/v1/events                                                     admin operator billing viewer

GET    /api/v1/operations                                                 admin operator billing viewer
GET    /api/v1/operations/:id                                             admin operator billing viewer
POST   /api/v1/operations/:id/retry                                       admin operator
POST   /api/v1/operations/:id/cancel                                      admin operator

GET    /api/v1/services                                                   admin operator billing client viewer
GET    /api/v1/services/:id                                               admin operator billing client viewer
POST   /api/v1/services                                                   admin operator

GET    /api/v1/addresses                                                  admin operator billing client viewer
GET    /api/v1/addresses/:ip                                              admin operator billing client viewer
POST   /api/v1/addresses/:ip/confirm                                      admin operator
PATCH  /api/v1/addresses/:ip                                              admin operator client

GET    /api/v1/connections                                                admin operator viewer
GET    /api/v1/connections/:name                                          admin operator viewer
POST   /api/v1/connections                                                admin
PATCH  /api/v1/connections/:name                                          admin
DELETE /api/v1/connections/:name                                          admin
POST   /api/v1/connections/:name/test                                     admin operator

GET    /api/v1/servers                                                    admin operator viewer
GET    /api/v1/servers/:name                                              admin operator viewer
POST   /api/v1/servers                                                    admin
PATCH  /api/v1/servers/:name                                              admin
DELETE /api/v1/servers/:name                                              admin
POST   /api/v1/servers/:name/test                                         admin operator

GET    /api/v1/pools                                                      admin operator viewer
GET    /api/v1/pools/:name                                                admin operator viewer
POST   /api/v1/pools                                                      admin operator
PATCH  /api/v1/pools/:name                                                admin operator
DELETE /api/v1/pools/:name                                                admin operator

GET    /api/v1/reconciliations                                            admin operator viewer
GET    /api/v1/reconciliations/:id                                        admin operator viewer
GET    /api/v1/reconciliations/:id/findings                               admin operator viewer
GET    /api/v1/reconciliations/:id/export                                 admin operator viewer
PATCH  /api/v1/reconciliations/:id                                        admin operator
POST   /api/v1/reconciliations                                            admin operator
POST   /api/v1/reconciliations/:id/apply                                  admin operator

GET    /api/v1/webhooks                                                   admin operator viewer
GET    /api/v1/webhooks/:name                                             admin operator viewer
POST   /api/v1/webhooks                                                   admin
PATCH  /api/v1/webhooks/:name                                             admin
DELETE /api/v1/webhooks/:name                                             admin
POST   /api/v1/webhooks/:name/rotate                                      admin
POST   /api/v1/webhooks/:name/test                                        admin operator
POST   /api/v1/webhooks/:name/replay                                      admin operator
GET    /api/v1/webhooks/:name/deliveries                                  admin operator viewer

GET    /api/v1/conflicts                                                  admin operator viewer
GET    /api/v1/conflicts/:id                                              admin operator viewer
POST   /api/v1/conflicts/:id/resolve                                      admin operator

GET    /api/v1/outbox                                                     admin operator billing viewer

GET    /api/v1/audit                                                      admin operator viewer

GET    /api/v1/tokens                                                     admin
GET    /api/v1/tokens/:id                                                 admin
POST   /api/v1/tokens                                                     admin
DELETE /api/v1/tokens/:id                                                 admin

POST   /api/v1/session                                                    anybody
GET    /api/v1/session                                                    admin operator billing client viewer
DELETE /api/v1/session                                                    admin operator billing client viewer

GET    /login                                                             anybody
POST   /login                                                             anybody
POST   /logout                                                            anybody
GET    /style.css                                                         anybody
GET    /                                                                  anybody

GET    /docs/errors                                                       anybody
GET    /docs                                                              anybody
GET    /docs/static/index.html                                            anybody
GET    /docs/static/swagger-initializer.js                                anybody
GET    /docs/json                                                         anybody
GET    /docs/yaml                                                         anybody
GET    /docs/static/*                                                     anybody

GET    /queues                                                            admin operator viewer
GET    /queues/metrics-history                                            admin operator viewer
GET    /queues/job-schedulers                                             admin operator viewer
GET    /queues/queue/:queueName                                           admin operator viewer
GET    /queues/queue/:queueName/:jobId                                    admin operator viewer
GET    /queues/api/redis/stats                                            admin operator viewer
GET    /queues/api/queues                                                 admin operator viewer
GET    /queues/api/job-schedulers                                         admin operator viewer
GET    /queues/api/queues/:queueName/metrics                              admin operator viewer
GET    /queues/api/queues/:queueName/default-job-options                  admin operator viewer
GET    /queues/api/queues/:queueName/workers                              admin operator viewer
GET    /queues/api/queues/:queueName/rate-limit                           admin operator viewer
GET    /queues/api/queues/:queueName/job-data-schema                      admin operator viewer
PUT    /queues/api/queues/pause                                           admin operator
PUT    /queues/api/queues/resume                                          admin operator
GET    /queues/api/queues/:queueName/:jobId/logs                          admin operator viewer
GET    /queues/api/queues/:queueName/:jobId/flow                          admin operator viewer
GET    /queues/api/queues/:queueName/:jobId                               admin operator viewer
POST   /queues/api/queues/:queueName/add                                  admin operator
PUT    /queues/api/queues/:queueName/retry/:queueStatus                   admin operator
PUT    /queues/api/queues/:queueName/promote                              admin operator
PUT    /queues/api/queues/:queueName/clean/:queueStatus                   admin operator
PUT    /queues/api/queues/:queueName/pause                                admin operator
PUT    /queues/api/queues/:queueName/resume                               admin operator
PUT    /queues/api/queues/:queueName/concurrency                          admin operator
PUT    /queues/api/queues/:queueName/rate-limit                           admin operator
PUT    /queues/api/queues/:queueName/rate-limit/release                   admin operator
PUT    /queues/api/queues/:queueName/empty                                admin operator
PUT    /queues/api/queues/:queueName/obliterate                           admin operator
PUT    /queues/api/queues/:queueName/job-schedulers/:schedulerId/remove   admin operator
PATCH  /queues/api/queues/:queueName/job-schedulers/:schedulerId          admin operator
PUT    /queues/api/queues/:queueName/job-schedulers/:schedulerId/run      admin operator
PUT    /queues/api/queues/:queueName/:jobId/retry                         admin operator
PUT    /queues/api/queues/:queueName/:jobId/clean                         admin operator
PUT    /queues/api/queues/:queueName/:jobId/promote                       admin operator
PATCH  /queues/api/queues/:queueName/:jobId/update-data                   admin operator
PATCH  /queues/api/queues/:queueName/:jobId/delay                         admin operator
PATCH  /queues/api/queues/:queueName/:jobId/priority                      admin operator
PUT    /queues/api/queues/:queueName/:jobId/remove-unprocessed-children   admin operator
GET    /queues/static/*                                                   admin operator viewer
`

/** One row, as it is compared. */
export interface RouteRow {
  route: string
  who: string[]
}

export const routeRows: RouteRow[] = routeTable
  .trim()
  .split(/\n+/)
  .map(line => {
    const [method, url, ...who] = line.split(/ +/)
    return { route: `${method} ${url}`, who }
  })
