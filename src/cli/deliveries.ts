import type { DeliveryView } from '../desk/delivery-log.ts'
import { deliveryFilters } from '../desk/filters.ts'
import type { Page, PageQuery } from '../desk/paging.ts'
import type { Group } from './group.ts'
import type { Session } from './session.ts'

type Query = PageQuery & { state?: DeliveryView['state'] | undefined }

/**
 * `deliveries`: what became of the messages to a webhook or a billing core, newest first.
 * @param whom `a webhook`, for people
 */
export function addDeliveriesCommand(
  group: Group,
  whom: string,
  read: (session: Session, query: Query, name: string) => Promise<Page<DeliveryView>>,
): void {
  group.list<DeliveryView, typeof deliveryFilters>(
    `list what became of the messages to ${whom}, newest first`,
    deliveryFilters,
    read,
    {
      ID: item => item.id,
      TYPE: item => item.type,
      SERVICE: item => item.service,
      STATE: item => item.state,
      ATTEMPTS: item => item.attempts,
      'NEXT TRY': item => item.nextAt,
      'LAST TRY': item => item.tries.at(-1)?.detail ?? item.tries.at(-1)?.status,
    },
    { name: 'deliveries', of: 'name' },
  )
}
