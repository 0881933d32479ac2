import type { LedgerGuests } from '../db/ledger-guests.ts'
import type { Reservations } from '../db/reservations.ts'
import { FenceLost, IpbridgeError } from '../errors.ts'
import type { Run } from '../queue/run.ts'
import type { PanelDriver } from './driver.ts'

/**
 * Finds the guests of services that were taken over from elsewhere without their guest's id. Such a guest carries no
 * name and no mark of ours; what tells it from others are the service's addresses. Without this, an extra address
 * would make a second guest, and the usage check would see no guest at all.
 * @param options.panelOf the panel of an operation's service
 * @returns the same, with the guest known to the operation and to the ledger
 */
export function knownGuest(options: {
  panelOf: (run: Run) => Promise<PanelDriver>
  ledger: LedgerGuests
  reservations: Reservations
}): (run: Run) => Promise<PanelDriver> {
  const { panelOf, ledger, reservations } = options

  return async run => {
    const panel = await panelOf(run)
    const { service, payload } = run
    if (service === undefined || service.guest !== undefined || panel.guests === undefined) return panel
    const { addresses, moved } = await ledger.takenOver(service.id)
    if (addresses.length === 0) return panel
    const guest = await run.step(
      'look whose guest has its addresses',
      signal => guestWith(panel, addresses, signal),
      found => found ?? 'nobody',
    )
    if (guest === undefined) {
      // What is to be released is used by nobody then; and at another server there is no guest yet.
      const isFurther = run.kind === 'allocate' && !addresses.includes(run.assignment?.address ?? '')
      if (!isFurther || moved) return panel
      const why = `service ${service.id} was taken over without its guest, and no guest has ${addresses.join(' or ')}`
      throw new IpbridgeError('panel_refused', `${why}; billing must send service.guest`)
    }
    service.guest = guest
    if (payload.leaves === undefined && !(await reservations.recordGuest(run, service, guest)))
      throw new FenceLost(run.id)
    return panel
  }
}

async function guestWith(panel: PanelDriver, addresses: readonly string[], signal: AbortSignal) {
  for await (const { guest, addresses: has } of panel.guests?.(signal) ?? []) {
    if (has.some(address => addresses.includes(address))) return guest
  }
  return undefined
}
