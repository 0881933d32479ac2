import type { OpenServer, Registry } from '../db/registry.ts'
import { IpbridgeError } from '../errors.ts'
import type { Run } from '../queue/run.ts'
import type { PanelDriver } from './driver.ts'
import { noPanel } from './none.ts'

/** Makes a driver for a stored server. */
export type PanelFactory = (server: OpenServer) => PanelDriver

export type ServerPanels = ReturnType<typeof serverPanels>

/**
 * Makes panel drivers out of stored servers.
 * @param options.drivers the panels that a server may name
 */
export function serverPanels(options: { registry: Registry; drivers: Record<string, PanelFactory> }) {
  const names = Object.keys(options.drivers)

  async function panel(serverId: string): Promise<PanelDriver> {
    const server = await options.registry.server(serverId)
    const factory = options.drivers[server.panel]
    if (factory) return factory(server)
    throw new IpbridgeError(
      'invalid_configuration',
      `server ${server.name} has the panel ${server.panel}; there are ${names.join(', ')}`,
    )
  }

  return {
    names,
    panel,
    /** The panel of an operation's service. */
    panelOf: async (run: Run): Promise<PanelDriver> =>
      run.service?.serverId ? panel(run.service.serverId) : noPanel(),
  }
}
