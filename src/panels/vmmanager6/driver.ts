import { createHttpClient } from '../../http/client.ts'
import type { PanelFactory } from '../servers.ts'
import { verified } from '../verified.ts'
import { createVmmanager6 } from './client.ts'
import { vmmanager6Protocol } from './protocol.ts'
import { vmmanager6Settings } from './settings.ts'
import { createTasks } from './tasks.ts'
import { createTokens } from './tokens.ts'

/** Requests at once. */
const parallel = 8

/** VMmanager 6, over REST. */
export const vmmanager6: PanelFactory = server => {
  const settings = vmmanager6Settings(server)
  const { name, url, login, password, tls, options } = settings
  const kind = 'VMmanager 6'
  const target = { url, tls, whom: `${kind} of server ${name}`, kind, side: 'panel' as const }
  const http = createHttpClient(target, { parallel })
  const tokens = createTokens(http, { login, password })
  const panel = createVmmanager6(http, tokens, options.busyCodes)
  const tasks = createTasks(panel, options.taskSeconds * 1000)
  return verified(vmmanager6Protocol({ panel, tokens, tasks, settings }))
}
