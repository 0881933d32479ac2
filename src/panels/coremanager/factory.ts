import { createCoreManager } from '../../coremanager/client.ts'
import { createHttpClient } from '../../http/client.ts'
import type { PanelFactory } from '../servers.ts'
import { verified } from '../verified.ts'
import { coreManagerProtocol } from './protocol.ts'
import { type Product, productSettings } from './settings.ts'

/** Requests at once: panels of that age do much of their work one after the other. */
const parallel = 4

/** What makes drivers for one of the COREmanager products. */
export function coreManagerPanel(product: Product): PanelFactory {
  return server => {
    const settings = productSettings(product, server)
    const { name, url, login, password, tls, manager, options } = settings
    const { kind } = product
    const target = { url, tls, whom: `${kind} of server ${name}`, kind, side: 'panel' as const }
    const core = createCoreManager({
      http: createHttpClient(target, { parallel }),
      manager,
      account: { login, password },
      mode: options.signIn,
      format: options.format,
    })
    return verified(coreManagerProtocol(product.panel, settings, core))
  }
}
