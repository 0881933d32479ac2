import { printKey } from '../coremanager/addresses.ts'
import { type Element, el } from '../coremanager/element.ts'
import { listPage } from '../coremanager/list.ts'
import { type Call, levels, type Outcome } from '../coremanager/panel.ts'
import type { Panel } from './panel.ts'
import { type AddressRecord, type Row, type Status, statusNumbers } from './record.ts'
import type { IpmanagerUser } from './state.ts'

const statusTexts: Record<Status, { en: string; ru: string }> = {
  free: { en: 'Available', ru: 'Свободен' },
  used: { en: 'Used', ru: 'Используется' },
  checking: { en: 'Checking', ru: 'Проверяется' },
  blocked: { en: 'Blocked', ru: 'Заблокирован' },
  'in-use': { en: 'Used in network', ru: 'Используется в сети' },
}

type ListRow = Omit<Row, 'status'> & { status: Status }

/** The columns of the list: the documented four, and what only administrators see. */
export function columnsOf({ behaviour: { wire, notes } }: Panel, user: IpmanagerUser): string[] {
  return [
    wire.ip,
    wire.domain,
    wire.iptype,
    ...(notes ? [wire.note] : []),
    ...(user.level >= levels.admin ? [wire.owner, wire.status] : []),
  ]
}

/** The group, with its machine name in `orig` where people see another. */
export function groupElement({ state, behaviour }: Panel, name: string): Element {
  const label = state.groups.find(group => group.name === name)?.label
  return label === undefined
    ? el(behaviour.wire.iptype, name)
    : el(behaviour.wire.iptype, label, { orig: name })
}

/** `func=ip`: own addresses; for administrators everybody's (the fact sheet, 2.1 and 2.2). */
export function ipList(panel: Panel, { params, account, lang, listFault }: Call<IpmanagerUser>): Outcome {
  const { behaviour, books } = panel
  const { wire } = behaviour
  const isAdmin = account.level >= levels.admin
  const filter = filterOf(panel, params, account)

  /** What can be told from owner, group and status, which are the same for a whole run. */
  function wanted({ owner, iptype, status }: { owner: string; iptype: string; status: Status }): boolean {
    if (!isAdmin && (owner !== account.name || status !== 'used')) return false
    return filter.owner(owner) && filter.iptype(iptype) && filter.status(status)
  }

  function element({ key, domain, iptype, note, owner, status }: ListRow): Element {
    const cells = [
      el(wire.ip, printKey(key, behaviour.ipv6)),
      el(wire.domain, domain),
      groupElement(panel, iptype),
    ]
    if (behaviour.notes) cells.push(el(wire.note, note))
    if (isAdmin) {
      cells.push(el(wire.owner, owner))
      cells.push(
        el(wire.status, statusTexts[status][lang === 'ru' ? 'ru' : 'en'], {
          orig: String(statusNumbers[status]),
        }),
      )
    }
    return el('elem', cells)
  }

  const column = params.get('p_sort') ?? wire.ip
  const asText = behaviour.order === 'always text' || (behaviour.order === 'text' && !params.has('p_sort'))
  const sort = column === wire.ip && asText ? 'text' : column
  const descending = params.get('p_order') === 'desc'
  const wantsFree = isAdmin && behaviour.listsFree

  const content = listPage(params, behaviour, listFault, ({ offset, limit }) => {
    if (sort === wire.ip && !descending && !filter.looksAtText && !wantsFree) {
      return {
        total: books.table.count(wanted),
        rows: Array.from(take(books.table.rows(wanted, offset), limit), element),
      }
    }
    const all = [...(wantsFree ? withFree(panel) : books.table.rows(wanted))].filter(
      row => wanted(row) && filter.text(row),
    )
    order(all, sort === 'text' ? printRow : sort === wire.ip ? undefined : textOf(panel, sort))
    if (descending) all.reverse()
    return { total: all.length, rows: all.slice(offset, offset + limit).map(element) }
  })
  return { kind: 'list', key: wire.ip, fields: columnsOf(panel, account), content }
}

const printRow = (row: ListRow): string => printKey(row.key)

function textOf({ behaviour: { wire } }: Panel, column: string): (row: ListRow) => string {
  const field = (['domain', 'iptype', 'note', 'owner', 'status'] as const).find(name => wire[name] === column)
  return row => (field === undefined ? '' : row[field])
}

/** Sorts by a text; rows are in address order already. */
function order(rows: ListRow[], text: ((row: ListRow) => string) | undefined): void {
  if (!text) return
  const keyed = rows.map(row => ({ row, by: text(row) }))
  keyed.sort((a, b) => (a.by < b.by ? -1 : a.by > b.by ? 1 : 0))
  keyed.forEach(({ row }, at) => {
    rows[at] = row
  })
}

/** Everything that has a record, and the free addresses of the IPv4 networks, in address order. */
function* withFree({ books, state }: Panel): Generator<ListRow> {
  const { nets, isReserved } = books.rights
  const held = books.table.rows(() => true)
  let next = held.next()
  const until = function* (last: bigint): Generator<ListRow> {
    for (; !next.done && next.value.key <= last; next = held.next()) yield next.value
  }
  const iptype = state.groups[0]?.name ?? ''
  const free: Omit<AddressRecord, 'status'> & { status: 'free' } = {
    owner: '',
    iptype,
    domain: '',
    note: '',
    protect: false,
    status: 'free',
  }
  for (const { range } of nets
    .filter(net => net.range.family === 4)
    .sort((a, b) => (a.range.first < b.range.first ? -1 : 1))) {
    for (let key = range.first; key <= range.last; key++) {
      const before = !next.done && next.value.key <= key
      const isHeld = before && next.value?.key === key
      if (before) yield* until(key)
      if (!isHeld && !isReserved(key)) yield { key, ...free }
    }
  }
  yield* until(1n << 200n)
}

function* take<T>(rows: Iterable<T>, limit: number): Generator<T> {
  let taken = 0
  if (limit === 0) return
  for (const row of rows) {
    yield row
    taken += 1
    if (taken === limit) return
  }
}

/**
 * The filter that applies: the call's own with `filter=on`, none with `filter=off`, else the one that was saved
 * for the user. Text is searched for anywhere in the field; choices must be equal.
 */
function filterOf(panel: Panel, params: URLSearchParams, account: IpmanagerUser) {
  const { wire, filters } = panel.behaviour
  const mode = params.get('filter')
  const source =
    filters === 'ignored'
      ? undefined
      : mode === 'on' || mode === 'yes'
        ? params
        : mode === null
          ? panel.savedFilters.get(account.name)
          : undefined
  const value = (name: string) => source?.get(name)?.trim().toLowerCase() ?? ''
  const equal = (name: string) => {
    const sought = value(name)
    return (text: string) => sought === '' || text.toLowerCase() === sought
  }
  const fits = (field: string, sought: string) =>
    sought === '' ||
    (filters === 'whole' ? field.toLowerCase() === sought : field.toLowerCase().includes(sought))
  const [ip, domain, note] = [value(wire.ip), value(wire.domain), value(wire.note)]
  const status = value(wire.status)
  return {
    owner: equal(wire.owner),
    iptype: equal(wire.iptype),
    status: (one: Status) => status === '' || String(statusNumbers[one]) === status,
    looksAtText: ip !== '' || domain !== '' || note !== '',
    text: (row: ListRow) =>
      (ip === '' || fits(printKey(row.key, panel.behaviour.ipv6), ip)) &&
      fits(row.domain, domain) &&
      fits(row.note, note),
  }
}
