import { coreManagerPanel } from './coremanager/factory.ts'

/**
 * DCImanager 5, for dedicated servers (facts: ISPsystem docs, section 5.3). It makes none: billing names the server
 * that it has handed out, and its addresses are those of `iplist`.
 */
export const dcimanager5 = coreManagerPanel({
  panel: 'dcimanager5',
  kind: 'DCImanager 5',
  managers: ['dcimgr', 'dcimini'],
  format: 'json',
  wire: {
    guests: 'server',
    id: 'id',
    name: 'name',
    element: 'id',
    guest: 'server.edit',
    password: '',
    addresses: 'iplist',
    address: 'iplist.edit',
    removal: 'iplist.delete',
    row: 'id',
    ip: 'ip',
    ptr: 'domain',
    domain: '',
    family: 'family',
    group: 'iptype',
  },
})
