import { describe, expect, it } from 'vitest'
import { memoryPanel } from '../../../src/panels/memory.ts'
import { serverPanels } from '../../../src/panels/servers.ts'
import { openServer } from '../../helpers/servers.ts'

describe('The driver of a server', () => {
  it('is the same for all operations, until the server changes', async () => {
    let server = openServer({ panel: 'memory' })
    const registry = { server: async () => server, connection: async () => Promise.reject(new Error()) }
    const panels = serverPanels({ registry, drivers: { memory: () => memoryPanel() } })
    const first = await panels.panel(server.id)
    expect(await panels.panel(server.id)).toBe(first)
    server = { ...server, updatedAt: new Date(1) }
    expect(await panels.panel(server.id)).not.toBe(first)
  })

  it('is asked for by a name that there is', async () => {
    const registry = {
      server: async () => openServer({ panel: 'xen' }),
      connection: async () => Promise.reject(new Error()),
    }
    const panels = serverPanels({ registry, drivers: { memory: () => memoryPanel() } })
    await expect(panels.panel('1')).rejects.toMatchObject({ code: 'invalid_configuration' })
  })
})
