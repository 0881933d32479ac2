import { randomUUID } from 'node:crypto'
import type { OpenConnection } from '../../src/db/registry.ts'

/** A stored connection to a panel, as the composition root gives it to the driver. */
export function ipmanagerConnection(given: Partial<OpenConnection> & { url: string }): OpenConnection {
  return {
    id: randomUUID(),
    name: 'main',
    driver: 'ipmanager',
    login: 'bill',
    password: 'bill-password',
    adminLogin: 'bill_admin',
    adminPassword: 'admin-password',
    hiddenTypes: [],
    conflictPtr: 'dns.set.error',
    addressSpace: 'default',
    maxConcurrent: undefined,
    tls: {},
    options: {},
    updatedAt: new Date(0),
    ...given,
  }
}
