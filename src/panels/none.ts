import type { PanelDriver } from './driver.ts'

/** A server without an interface: billing is told the address, and people configure it. */
export function noPanel(): PanelDriver {
  return {
    name: 'none',
    automatic: false,
    setsUp: false,
    async configure(service) {
      return { guest: service.guest ?? service.id, applied: 'now' }
    },
    async unassign() {},
    async addresses() {
      return undefined
    },
    async check() {
      return { ok: true, remarks: ['this server has no panel: addresses are configured by hand'] }
    },
  }
}
