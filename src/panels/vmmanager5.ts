import { coreManagerPanel } from './coremanager/factory.ts'

/**
 * VMmanager 5, KVM (`vmmgr`) and OVZ (`vemgr`): the calls are the same (facts: ISPsystem docs, section 5.1). That an
 * address is named by `ip` in `vm.edit` and `iplist.edit` is inferred from their answers.
 */
export const vmmanager5 = coreManagerPanel({
  panel: 'vmmanager5',
  kind: 'VMmanager 5',
  managers: ['vmmgr', 'vemgr'],
  format: 'json',
  guests: { name: 'ipb-{service}', setup: { hostnode: 'auto' } },
  wire: {
    guests: 'vm',
    id: 'id',
    name: 'name',
    element: 'id',
    guest: 'vm.edit',
    password: 'password',
    addresses: 'iplist',
    address: 'iplist.edit',
    removal: 'iplist.delete',
    row: 'id',
    ip: 'ip',
    ptr: 'domain',
    domain: 'domain',
    family: 'family',
    group: 'iptype',
  },
})
