import type { OpenServer, Registry } from '../db/registry.ts'
import { IpbridgeError } from '../errors.ts'
import type { Run } from '../queue/run.ts'
import type { PanelDriver } from './driver.ts'
import { noPanel } from './none.ts'

/** Makes a driver for a stored server. @throws invalid_configuration where its settings are not what the panel takes */
export type PanelFactory = (server: OpenServer) => PanelDriver

export type ServerPanels = ReturnType<typeof serverPanels>

/**
 * Makes panel drivers out of stored servers: one for each, and anew when the server was changed, so that
 * connections and sessions last longer than one operation.
 * @param options.drivers the panels that a server may name
 */
export function serverPanels(options: { registry: Registry; drivers: Record<string, PanelFactory> }) {
  const names = Object.keys(options.drivers)
  const made = new Map<string, { driver: PanelDriver; updatedAt: number }>()

  function make(server: OpenServer): PanelDriver {
    const factory = options.drivers[server.panel]
    if (factory) return factory(server)
    throw new IpbridgeError(
      'invalid_configuration',
      `server ${server.name} has the panel ${server.panel}; there are ${names.join(', ')}`,
    )
  }

  async function panel(serverId: string): Promise<PanelDriver> {
    const server = await options.registry.server(serverId)
    const known = made.get(serverId)
    const updatedAt = server.updatedAt.getTime()
    if (known?.updatedAt === updatedAt) return known.driver
    const driver = make(server)
    made.set(serverId, { driver, updatedAt })
    return driver
  }

  return {
    names,
    panel,
    /** Checks the settings of a server before they are stored; asks nobody. @throws invalid_configuration */
    rehearse: (server: OpenServer): void => void make(server),
    /** The panel of an operation's service. */
    panelOf: async (run: Run): Promise<PanelDriver> =>
      run.service?.serverId ? panel(run.service.serverId) : noPanel(),
  }
}
