import type { Holder, Reservations } from '../../src/db/reservations.ts'
import { FenceLost } from '../../src/errors.ts'
import type { Held } from '../../src/ipam/driver.ts'
import type { Ipam } from '../../src/queue/ports.ts'
import type { AssignmentRun } from '../../src/queue/run.ts'

/**
 * What a processor does when the IPAM has granted an address that another service has: it is given the conflict PTR,
 * and the conflict is stored, for an operator to decide. The address stays held in the IPAM under its marker, so that
 * it is not offered again; the claimant goes on under its next marker.
 */
export async function markConflict(
  reservations: Pick<Reservations, 'recordConflict'>,
  run: AssignmentRun,
  { driver, conflictPtr, name, addressSpace, connectionId }: Ipam,
  { address, marker }: Held,
  holder: Holder,
): Promise<void> {
  if (driver.abilities.ptr) {
    await run.step('mark conflict', signal => driver.setPtr({ address, marker }, conflictPtr, signal))
  }
  const facts = { address, service: run.service.id, holder: holder.serviceId, connection: name }
  const stored = await run.step('store conflict', () =>
    reservations.recordConflict({
      operationId: run.id,
      epoch: run.epoch,
      assignmentId: run.assignment.id,
      serviceId: run.service.id,
      addressSpace,
      address,
      connectionId,
      marker,
      holder,
      message: { type: 'address.conflict', data: facts },
    }),
  )
  if (!stored) throw new FenceLost(run.id)
}
