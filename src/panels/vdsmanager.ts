import { coreManagerPanel } from './coremanager/factory.ts'

/**
 * VDSmanager 4 (facts: ISPsystem docs, section 5.2): XML only, and a server goes by its main address in all calls but
 * the list, so that its id stays the same when that address does not. Names must be domain names. The functions
 * `vds.ip`, `vds.ip.edit` (the PTR is `name`) and `vds.ip.delete` are as billing systems call them; that `ip` names
 * an address, where those say `auto`, is inferred.
 */
export const vdsmanager = coreManagerPanel({
  panel: 'vdsmanager',
  kind: 'VDSmanager 4',
  managers: ['vdsmgr'],
  format: 'xml',
  guests: { name: '{service}.{domain}', setup: { id: 'auto' } },
  wire: {
    guests: 'vds',
    id: 'id',
    name: 'name',
    element: 'ip',
    guest: 'vds.edit',
    password: 'passwd',
    addresses: 'vds.ip',
    address: 'vds.ip.edit',
    removal: 'vds.ip.delete',
    row: 'ip',
    ip: 'ip',
    ptr: 'name',
    domain: '',
    family: '',
    group: '',
  },
})
