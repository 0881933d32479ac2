import { type GuestPanel, type GuestPanelOptions, startGuestPanel } from '../guests/start.ts'

/** Starts a VDSmanager 4 (the fact sheet, 5.2, and 1.7 for the errors of version 4). */
export function startVdsmanager(options: GuestPanelOptions = {}): Promise<GuestPanel> {
  const product = {
    mgr: 'vdsmgr',
    guests: 'vds',
    form: 'vds.edit',
    deletion: 'vds.delete',
    addresses: 'vds.ip',
    address: 'vds.ip.edit',
    removal: 'vds.ip.delete',
    element: 'main address',
    row: 'ip',
    ptr: 'name',
    any: 'auto',
    hasFamilies: false,
    makes: true,
    required: ['id', 'vdspreset', 'passwd'],
    domainNames: true,
    groupRows: false,
  } as const
  return startGuestPanel(product, { ...options, defaults: { errors: 'numbered', dots: false } })
}
