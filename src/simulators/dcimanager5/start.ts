import { type GuestPanel, type GuestPanelOptions, startGuestPanel } from '../guests/start.ts'

/** Starts a DCImanager 5: its guests are servers in racks, which nobody makes by a call (the fact sheet, 5.3). */
export function startDcimanager5(options: GuestPanelOptions = {}): Promise<GuestPanel> {
  const product = {
    mgr: 'dcimgr',
    guests: 'server',
    form: 'server.edit',
    deletion: 'server.delete',
    addresses: 'iplist',
    address: 'iplist.edit',
    removal: 'iplist.delete',
    element: 'id',
    row: 'id',
    ptr: 'domain',
    any: '',
    hasFamilies: true,
    makes: false,
    required: [],
    domainNames: false,
    groupRows: true,
  } as const
  return startGuestPanel(product, options)
}
