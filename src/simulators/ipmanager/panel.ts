import type { Behaviour } from './behaviour.ts'
import type { Books } from './books.ts'
import type { IpmanagerState } from './state.ts'

/** What the panel's functions share. */
export interface Panel {
  books: Books
  behaviour: Behaviour
  state: Pick<IpmanagerState, 'networks' | 'groups'>
  /** The filters that users have set with `ip.filter`, by user. */
  savedFilters: Map<string, URLSearchParams>
}
