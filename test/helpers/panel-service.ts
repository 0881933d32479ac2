import type { PanelAddress, PanelService } from '../../src/panels/driver.ts'

/** A service as a panel driver is told of it. */
export function panelService(service: Partial<PanelService> = {}): PanelService {
  return {
    id: '1042',
    kind: 'vps',
    client: 'c-1',
    domain: 'shop.example.net',
    guest: undefined,
    setup: {},
    ...service,
  }
}

/** An address as the IPAM gave it. */
export function panelAddress(address = '192.0.2.10', more: Partial<PanelAddress> = {}): PanelAddress {
  return { address, ptr: 'shop.example.net', main: true, ...more }
}
