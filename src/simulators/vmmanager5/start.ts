import { type GuestPanel, type GuestPanelOptions, startGuestPanel } from '../guests/start.ts'

/** Starts a VMmanager 5: KVM (`vmmgr`), or OVZ (`vemgr`), whose calls are the same (the fact sheet, 5.1). */
export function startVmmanager5(
  options: GuestPanelOptions & { mgr?: 'vmmgr' | 'vemgr' } = {},
): Promise<GuestPanel> {
  const product = {
    mgr: options.mgr ?? 'vmmgr',
    guests: 'vm',
    form: 'vm.edit',
    deletion: 'vm.delete',
    addresses: 'iplist',
    address: 'iplist.edit',
    removal: 'iplist.delete',
    element: 'id',
    row: 'id',
    ptr: 'domain',
    any: '',
    hasFamilies: true,
    makes: true,
    required: ['preset', 'vmi'],
    domainNames: false,
    groupRows: false,
  } as const
  return startGuestPanel(product, options)
}
