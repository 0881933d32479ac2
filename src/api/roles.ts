import type { Role } from '../desk/actor.ts'

const everybody: readonly Role[] = ['admin', 'operator', 'billing', 'client', 'viewer']
const staff: readonly Role[] = ['admin', 'operator', 'viewer']
const hands: readonly Role[] = ['admin', 'operator']
const chiefs: readonly Role[] = ['admin']

/**
 * Who may do what: the one table that every route refers to.
 *
 * Three roles see less than the answer to a route holds. A client sees its own services and addresses, as if
 * there were no others. A billing core sees the operations that came of events. Nobody sees a stored secret.
 */
export const permissions = {
  /** Needs no token at all. */
  public: undefined,
  'session.use': everybody,
  'events.send': ['admin', 'operator', 'billing'],
  'events.read': ['admin', 'operator', 'billing', 'viewer'],
  'operations.read': ['admin', 'operator', 'billing', 'viewer'],
  'operations.steer': hands,
  'services.read': everybody,
  'services.enter': hands,
  'addresses.read': everybody,
  'addresses.ptr': ['admin', 'operator', 'client'],
  'addresses.confirm': hands,
  'connections.read': staff,
  'connections.test': hands,
  'connections.write': chiefs,
  'servers.read': staff,
  'servers.test': hands,
  'servers.write': chiefs,
  'pools.read': staff,
  'pools.write': hands,
  'reconciliations.read': staff,
  'reconciliations.run': hands,
  'conflicts.read': staff,
  'conflicts.resolve': hands,
  'outbox.read': ['admin', 'operator', 'billing', 'viewer'],
  'webhooks.read': staff,
  'webhooks.run': hands,
  'webhooks.write': chiefs,
  'audit.read': staff,
  'tokens.manage': chiefs,
  'queues.read': staff,
  'queues.steer': hands,
} as const satisfies Record<string, readonly Role[] | undefined>

export type Permission = keyof typeof permissions

export function allows(permission: Exclude<Permission, 'public'>, role: Role): boolean {
  return (permissions[permission] as readonly Role[]).includes(role)
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may call the route. */
    permission?: Permission
    /** Exempt from the rate limit: intake is limited by PostgreSQL alone. */
    unlimited?: boolean
  }
}

/** The part of a route's options that says who may call it. */
export function may(permission: Permission, more: { unlimited?: boolean } = {}) {
  return { config: { permission, ...more } }
}
