import { type Db, Prisma } from '../db/client.ts'
import { IpbridgeError } from '../errors.ts'
import { type Actor, audit } from './actor.ts'
import type { AddressView } from './addresses.ts'

/**
 * Whether an assignment (`a`) waits for people to configure it on its server (`v`), which has no panel. What came
 * from elsewhere with its address (an import) is in use already, and waits for nobody.
 */
export const confirmationColumn = Prisma.sql`
  case
    when v.panel is distinct from 'none' or a.state <> 'active' or not a.held then null
    when exists (select from confirmation d where d.assignment_id = a.id and d.server_id = v.id) then 'confirmed'
    when exists (select from operation o where o.assignment_id = a.id and o.kind = 'allocate') then 'pending'
  end`

export type Confirmations = ReturnType<typeof confirmationDesk>

/** What people do on servers without a panel, and say that they have done. */
export function confirmationDesk({ db }: { db: Db }) {
  return {
    /** @throws wrong_state where the address does not wait for a confirmation */
    async confirm(actor: Actor, view: AddressView & { address: string }, reason?: string): Promise<void> {
      const { address, service, slot, ptr, server, connection } = view
      await db.$transaction(async tx => {
        const rows = await tx.$queryRaw<{ id: string }[]>`
          insert into confirmation (assignment_id, server_id, confirmed_by)
          select a.id, v.id, ${actor.name} from assignment a
          join service s on s.id = a.service_id join server v on v.id = s.server_id
          where a.address = ${address}::inet and a.service_id = ${service} and ${confirmationColumn} = 'pending'
          on conflict do nothing returning assignment_id as id`
        if (rows.length === 0) throw notPending(view)
        await audit(tx, actor, {
          action: 'address.confirm',
          subject: `address:${address}`,
          reason,
          change: { service, server },
        })
        // As when it was assigned, but for `applied`: now it is in force.
        const data = { service, slot, address, ptr, server, connection, applied: 'now' }
        await tx.outbox.create({ data: { type: 'address.assigned', serviceId: service, data } })
      })
    },
  }
}

function notPending({ address, confirmation, state, server }: AddressView): IpbridgeError {
  const why =
    confirmation === 'confirmed'
      ? 'it is confirmed already'
      : state === 'active'
        ? `nobody has to: either the panel of server ${server} configures it, or it was in use before ipbridge knew it`
        : `it is ${state}, not active`
  return new IpbridgeError('wrong_state', `the configuration of ${address} cannot be confirmed: ${why}`)
}
