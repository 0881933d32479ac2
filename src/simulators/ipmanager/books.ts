import {
  contains,
  type Family,
  type Key,
  overlap,
  parseRange,
  printKey,
  type Range,
} from '../coremanager/addresses.ts'
import { PanelError } from '../coremanager/panel-error.ts'
import { type Memory, rememberMap } from '../remember.ts'
import type { Behaviour } from './behaviour.ts'
import { createHistory, type HistoryEntry } from './history.ts'
import type { AddressRecord, Row, ShownRecord } from './record.ts'
import { createRights, rangeOf } from './rights.ts'
import type { AddressSeed, Fill, IpmanagerState, IpmanagerUser } from './state.ts'
import { createTable } from './table.ts'

/** What a user asks for. */
export interface Wanted {
  family: Family
  /** The group. Default: the first that the user may take from. */
  iptype?: string
  /** An address, a range or a network that it is to be taken from. */
  named?: Range
  domain: string
  note: string
}

/**
 * The panel's own books: who holds which address, under which name, since when, and everything that ever changed.
 * Every change goes through here, whether a caller asked for it or it happens behind everyone's back.
 */
export function createBooks(state: IpmanagerState, behaviour: Behaviour, now: () => number) {
  const table = createTable()
  const history = createHistory(state.history ?? [], now)
  const rights = createRights(state.networks, state.groups)
  /** Below this nothing is free, for a user and a range. */
  const hints = new Map<string, { range: Range; from: Key }>()
  /** When the check of a released address ends. */
  const checks = new Map<Key, number>()

  function log(what: HistoryEntry['what'], key: Key, record: AddressRecord, by: string): void {
    const { owner, iptype, domain, note } = record
    history.add({ what, ip: printKey(key), by, owner, iptype, domain, note })
  }

  function free(key: Key): void {
    table.delete(key)
    checks.delete(key)
    for (const hint of hints.values()) {
      if (contains(hint.range, key) && key < hint.from) hint.from = key
    }
  }

  function hold(key: Key, record: AddressRecord, by: string): void {
    table.set(key, record)
    checks.delete(key)
    log('granted', key, record, by)
  }

  /** Ends the checks that are due: an address becomes free, or blocked where it is on a blacklist. */
  function settle(everything = false): void {
    for (const [key, due] of checks) {
      if (!everything && due > now()) continue
      const record = table.get(key)
      if (!record) continue
      const blocked = behaviour.blacklisted.some(text => contains(rangeOf(text), key))
      log(blocked ? 'blocked' : 'checked', key, record, 'check')
      checks.delete(key)
      if (blocked) table.set(key, { ...record, status: 'blocked' })
      else free(key)
    }
  }

  /** The next free address of a user's own ranges. */
  function pickAny(user: IpmanagerUser, want: Wanted): { key: Key; iptype: string } {
    const hidden = user.hidden.map(rangeOf)
    for (const { range, iptype } of rights.sources(user, want.family, want.iptype)) {
      const name = `${user.name} ${range.first}-${range.last} ${user.hidden}`
      const hint = hints.get(name) ?? { range, from: range.first }
      const key = table.firstGap(hint.from, range.last, rights.beyond(hidden))
      hints.set(name, { range, from: key ?? range.last + 1n })
      if (key !== undefined) return { key, iptype }
    }
    throw new PanelError(behaviour.exhausted)
  }

  /** An address that was named, or the next one of a range that was. Hidden ones count here. */
  function pickNamed(user: IpmanagerUser, want: Wanted, named: Range): { key: Key; iptype: string } {
    const refuse = (type: string) => new PanelError({ type, object: 'ip', value: printKey(named.first) })
    const sources = rights.sources(user, named.family, want.iptype)
    const single = named.first === named.last
    let permitted = false
    for (const { range, iptype } of sources) {
      const common = overlap(range, named)
      if (!common || (single && rights.isReserved(common.first))) continue
      permitted = true
      const key = table.firstGap(common.first, common.last, rights.beyond([]))
      if (key !== undefined) return { key, iptype }
    }
    if (!permitted) throw refuse('value')
    throw single ? refuse('exists') : new PanelError(behaviour.exhausted)
  }

  const show = ({ key, ...record }: Row): ShownRecord => ({ ip: printKey(key), ...record })

  function plant({ ip, ...seed }: AddressSeed): void {
    const key = rangeOf(ip).first
    table.set(key, { ...blank, ...seed })
    if (seed.status === 'checking') checks.set(key, now() + behaviour.checkingSeconds * 1000)
  }

  const books = {
    table,
    history,
    rights,
    settle,
    show,

    /** Hands an address to a user. @throws what the panel refuses with */
    grant(user: IpmanagerUser, want: Wanted): Key {
      const held = (record: AddressRecord) => record.owner === user.name
      if (user.limit !== undefined && table.count(held) >= user.limit) {
        throw new PanelError({ type: 'limit', object: 'ip', value: String(user.limit) })
      }
      const { key, iptype } = want.named ? pickNamed(user, want, want.named) : pickAny(user, want)
      hold(key, { ...blank, owner: user.name, iptype, domain: want.domain, note: want.note }, user.name)
      return key
    },

    /** Gives an address to somebody as it is, without asking whether anyone may. */
    put(key: Key, record: AddressRecord, by: string): void {
      hold(key, record, by)
    },

    /** Changes what is known of an address that is held. */
    change(key: Key, patch: Partial<AddressRecord>, by: string): void {
      const record = table.get(key)
      if (!record) throw new Error(`${printKey(key)} is free`)
      const changed = { ...record, ...patch }
      table.set(key, changed)
      log('changed', key, changed, by)
    },

    /** Takes an address back: it is checked first, where this panel does that. Its PTR and note are gone. */
    release(key: Key, by: string): void {
      const record = table.get(key)
      if (!record) throw new Error(`${printKey(key)} is free`)
      log('released', key, record, by)
      if (behaviour.checkingSeconds > 0 && record.status === 'used') {
        table.set(key, { ...blank, iptype: record.iptype, status: 'checking' })
        checks.set(key, now() + behaviour.checkingSeconds * 1000)
      } else {
        free(key)
      }
    },

    /** Lays down many addresses at once. They are an opening balance: no entries in the history. */
    fill({ range: text, from = 0, ...pattern }: Fill): number {
      const range = parseRange(text)
      if (!range) throw new Error(`"${text}" is no range`)
      const count = Number(range.last - range.first) + 1
      if (!table.fill({ first: range.first, count, pattern: { ...blank, ...pattern }, from })) {
        throw new Error(`${text}: some of it is not free`)
      }
      return count
    },

    remember(): Memory {
      const parts = [table.remember(), history.remember()]
      const places = rememberMap(hints)
      const due = [...checks]
      return {
        all: [...parts.map(part => part.all), due.map(([key]) => key)],
        recall() {
          for (const part of [...parts, places]) part.recall()
          checks.clear()
          for (const [key, until] of due) checks.set(key, until)
        },
      }
    },

    /** Everything that is not free, to begin with again: single addresses, and runs unspelled. */
    stored(): Required<Pick<IpmanagerState, 'addresses' | 'fills'>> {
      const addresses: AddressSeed[] = []
      const fills: Fill[] = []
      for (const one of table.stored()) {
        if ('key' in one) addresses.push(show(one))
        else
          fills.push({
            range: `${printKey(one.first)}-${printKey(one.last)}`,
            from: one.from,
            ...one.pattern,
          })
      }
      return { addresses, fills }
    },
  }
  for (const seed of state.addresses ?? []) plant(seed)
  for (const fill of state.fills ?? []) books.fill(fill)
  return books
}

export type Books = ReturnType<typeof createBooks>

export const blank: AddressRecord = {
  owner: '',
  iptype: '',
  domain: '',
  note: '',
  status: 'used',
  protect: false,
}
