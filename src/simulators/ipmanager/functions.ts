import { printKey } from '../coremanager/addresses.ts'
import { type Element, el } from '../coremanager/element.ts'
import { isSubmit, levels, type PanelFunction } from '../coremanager/panel.ts'
import { PanelError } from '../coremanager/panel-error.ts'
import { ipDelete, ipEdit } from './ip-edit.ts'
import { columnsOf, ipList } from './ip-list.ts'
import type { Panel } from './panel.ts'
import { rangeOf } from './rights.ts'
import type { IpmanagerUser } from './state.ts'

type IpFunction = PanelFunction<IpmanagerUser>

/**
 * The functions of IPmanager 5 (the fact sheet, 2.1). `permstat`, `userstat` and `sync` are documented for the
 * panel's own command line; `net`, `iptype`, `license.info` and `user.perm` (of the table `perm`)
 * are guesses by the framework's habits.
 */
export function ipmanagerFunctions(panel: Panel, users: () => IpmanagerUser[]): Record<string, IpFunction> {
  const { books, state } = panel
  return {
    ip: { level: levels.user, run: call => ipList(panel, call) },
    'ip.edit': { level: levels.user, run: call => ipEdit(panel, call) },
    'ip.delete': { level: levels.user, run: call => ipDelete(panel, call) },
    'ip.filter': {
      level: levels.user,
      run({ params, account }) {
        const fields = columnsOf(panel, account)
        if (isSubmit(params)) {
          panel.savedFilters.set(account.name, new URLSearchParams(params))
          return { kind: 'done', content: [el('ok')] }
        }
        const saved = panel.savedFilters.get(account.name)
        return { kind: 'form', fields, content: fields.map(name => el(name, saved?.get(name) ?? '')) }
      },
    },
    permstat: {
      level: levels.admin,
      run() {
        const rights = users().flatMap(user =>
          user.rights.map(right => ({ user, range: rangeOf(right.range) })),
        )
        const rows = rights.map(({ user, range }) => ({
          start: printKey(range.first),
          end: printKey(range.last),
          used: [...books.table.rows(record => record.owner === user.name)].filter(
            ({ key }) => range.first <= key && key <= range.last,
          ).length,
          total: String(range.last - range.first + 1n),
          user: user.name,
        }))
        return {
          ...list(
            'start',
            ['start', 'end', 'used', 'total', 'user'],
            rows.map(row => ({ ...row, used: String(row.used) })),
          ),
          text: rows.map(row => `${row.start} - ${row.end} ${row.used} ${row.total} ${row.user}\n`).join(''),
        }
      },
    },
    userstat: {
      level: levels.admin,
      run: () =>
        list(
          'id',
          ['id', 'name', 'used'],
          users().map(({ name }, at) => ({
            id: String(at + 1),
            name,
            used: String(books.table.count(record => record.owner === name)),
          })),
        ),
    },
    'user.perm': {
      level: levels.admin,
      run({ params }) {
        const name = params.get('elid') ?? ''
        const user = users().find(one => one.name === name)
        if (!user) throw new PanelError({ type: 'missed', object: 'user', value: name })
        const rows = user.rights.map(({ range, iptype }, at) => ({
          id: String(at + 1),
          iprange: range,
          iptype,
        }))
        return list('id', ['id', 'iprange', 'iptype'], rows)
      },
    },
    sync: { level: levels.admin, run: () => ({ kind: 'done', content: [el('ok')] }) },
    iptype: {
      level: levels.admin,
      run: () =>
        list(
          'name',
          ['name', 'used'],
          state.groups.map(({ name }) => ({
            name,
            used: String(books.table.count(record => record.iptype === name && record.status === 'used')),
          })),
        ),
    },
    net: {
      level: levels.admin,
      run: () =>
        list(
          'name',
          ['name', 'gateway'],
          state.networks.map(({ cidr, gateway = '' }) => ({ name: cidr, gateway })),
        ),
    },
    'license.info': {
      level: levels.user,
      run: () => ({ kind: 'form', content: [el('panel_name', 'IPmanager'), el('version', '5.210.0')] }),
    },
  }
}

function list<C extends string>(key: string, columns: readonly C[], rows: readonly Record<C, string>[]) {
  const content: Element[] = rows.map(row =>
    el(
      'elem',
      columns.map(name => el(name, row[name])),
    ),
  )
  return {
    kind: 'list' as const,
    key,
    fields: columns,
    content: [...content, el('p_elems', String(rows.length))],
  }
}
