import type { OpenServer } from '../../src/db/registry.ts'

/** A stored server, as a driver is made of it. */
export function openServer(server: Partial<OpenServer>): OpenServer {
  return {
    id: '00000000-0000-4000-8000-000000000001',
    name: 'node1',
    panel: 'none',
    url: undefined,
    login: 'admin',
    password: 'panel-password',
    connectionId: '00000000-0000-4000-8000-000000000002',
    tls: {},
    options: {},
    updatedAt: new Date(0),
    ...server,
  }
}
