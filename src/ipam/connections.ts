import type { Problems } from '../db/problems.ts'
import type { OpenConnection, OpenServer, Registry } from '../db/registry.ts'
import { type ForwardCheck, forwardChecks } from '../domain/forward-check.ts'
import { type ReconcileSettings, reconcileSettings } from '../domain/reconcile-settings.ts'
import { IpbridgeError } from '../errors.ts'
import { trustsAnybody } from '../http/tls.ts'
import type { Log } from '../log.ts'
import type { Ipam } from '../queue/ports.ts'
import type { Run } from '../queue/run.ts'
import type { IpamDriver } from './driver.ts'
import { limited } from './limited.ts'
import { watched } from './watched.ts'

/** Makes a driver for a stored connection. @throws invalid_configuration where it lacks something */
export type IpamFactory = (connection: OpenConnection) => IpamDriver

/** What was made of one version of a connection. */
interface Made {
  updatedAt: number
  driver: IpamDriver
  /** With its settings, once somebody needed them. */
  ipam?: Ipam
}

export type IpamConnections = ReturnType<typeof ipamConnections>

/**
 * Makes drivers out of stored connections: one for each, and anew when the connection was changed.
 * @param options.drivers the drivers that a connection may name
 */
export function ipamConnections(options: {
  registry: Registry
  problems: Problems
  log: Log
  drivers: Record<string, IpamFactory>
}) {
  const { registry, problems, log } = options
  const made = new Map<string, Made>()
  const names = Object.keys(options.drivers)

  function madeOf(connection: OpenConnection): Made {
    const known = made.get(connection.id)
    const updatedAt = connection.updatedAt.getTime()
    if (known?.updatedAt === updatedAt) return known
    const { maxConcurrent } = connection
    const own = make(connection)
    if (trustsAnybody(connection.tls)) {
      log.warn({ connection: connection.name }, 'the certificate of this connection is not verified')
    }
    const seen = watched(own, problem => problems.note(connection.id, problem))
    const driver = maxConcurrent === undefined ? seen : limited(seen, maxConcurrent)
    const fresh: Made = { driver, updatedAt }
    made.set(connection.id, fresh)
    return fresh
  }

  /** A connection as the processors use it. */
  async function byId(connectionId: string): Promise<Ipam> {
    const connection = await registry.connection(connectionId)
    const known = madeOf(connection)
    // Its settings are read once for each version of the connection, not for every operation.
    known.ipam ??= {
      connectionId: connection.id,
      name: connection.name,
      addressSpace: connection.addressSpace,
      conflictPtr: connection.conflictPtr,
      login: connection.login,
      hiddenTypes: connection.hiddenTypes,
      reconcile: reconcileSettingsOf(connection),
      forwardCheck: forwardCheckOf(connection),
      driver: known.driver,
      pools: undefined,
    }
    return known.ipam
  }

  function make(connection: OpenConnection): IpamDriver {
    const factory = options.drivers[connection.driver]
    if (factory) return factory(connection)
    const why = `connection ${connection.name} has the driver ${connection.driver}; there are ${names.join(', ')}`
    throw new IpbridgeError('invalid_configuration', why)
  }

  return {
    names,
    byId,
    /** Checks the settings of a connection before they are stored; asks nobody. @throws invalid_configuration */
    rehearse(connection: OpenConnection): void {
      make(connection)
      reconcileSettingsOf(connection)
      forwardCheckOf(connection)
    },

    /** The driver of a stored connection. */
    async driver(connectionId: string): Promise<IpamDriver> {
      return madeOf(await registry.connection(connectionId)).driver
    },

    /** The IPAM that an operation is about. */
    async ipamOf(run: Run): Promise<Ipam> {
      if (run.connectionId === undefined) {
        throw new IpbridgeError(
          'service_not_live',
          'the operation names no connection: its service has no server',
        )
      }
      const server = run.service?.serverId ? await registry.server(run.service.serverId) : undefined
      return { ...(await byId(run.connectionId)), pools: poolsOf(server) }
    },
  }
}

/** `options.forwardCheck`. @throws invalid_configuration */
function forwardCheckOf({ name, options }: OpenConnection): ForwardCheck {
  const given = options['forwardCheck'] ?? 'off'
  const found = forwardChecks.find(check => check === given)
  if (found) return found
  const message = `must be ${forwardChecks.join(', ')}`
  throw new IpbridgeError('invalid_configuration', `connection ${name}: options.forwardCheck ${message}`, {
    faults: [{ pointer: '/options/forwardCheck', message }],
  })
}

/** @throws invalid_configuration where they are not as this version takes them */
function reconcileSettingsOf({ name, options }: OpenConnection): ReconcileSettings {
  const parsed = reconcileSettings.safeParse(options['reconcile'] ?? {})
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const where = ['options', 'reconcile', ...(issue?.path ?? [])].join('.')
  throw new IpbridgeError('invalid_configuration', `connection ${name}: ${where} ${issue?.message}`)
}

/** A server may be limited to some pools or groups of its connection. */
function poolsOf(server: OpenServer | undefined): string[] | undefined {
  const pools = server?.options['pools']
  return Array.isArray(pools) && pools.length > 0 ? pools.map(String) : undefined
}
