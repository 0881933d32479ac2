import { el } from '../coremanager/element.ts'
import { listPage } from '../coremanager/list.ts'
import { elidsOf, isSubmit, levels, type PanelFunction } from '../coremanager/panel.ts'
import type { Books } from './books.ts'
import {
  type Behaviour,
  type BillmanagerUser,
  type Item,
  type ItemType,
  itemTypes,
  statuses,
} from './state.ts'

type Functions = Record<string, PanelFunction<BillmanagerUser>>

const fields = ['id', 'domain', 'ip', 'account', 'pricelist', 'processingmodule', 'remoteid', 'item_status']

/** The lists of services, one for each type, and their verbs (the fact sheet, 4.2 and 4.3). */
export function serviceFunctions(books: Books, behaviour: Behaviour): Functions {
  return {
    ...Object.assign({}, ...itemTypes.map(type => functionsOf(type, books, behaviour))),
    'service.postclose': {
      level: levels.admin,
      run({ params }) {
        const item = books.item(params.get('elid') ?? '')
        item.status = statuses.deleted
        finish(books, item, 'close')
        return { kind: 'done', content: [el('ok')] }
      },
    },
  }
}

function functionsOf(type: ItemType, books: Books, behaviour: Behaviour): Functions {
  const row = (item: Item) => {
    const main = books.slotsOf(item.id).find(slot => slot.main)
    return el('elem', [
      el('id', item.id),
      el('domain', item.domain),
      el('ip', main?.name ?? ''),
      el('account', `Account ${item.account}`, { orig: item.account }),
      el('pricelist', item.pricelist.name, { orig: item.pricelist.id }),
      el('remoteid', item.remoteid),
      el('processingmodule', item.module.name, { orig: item.module.id }),
      el('item_status', statusNames[item.status], { orig: item.status }),
    ])
  }
  return {
    [type]: {
      level: levels.user,
      run({ params, listFault }) {
        const id = params.get('filter') === 'on' ? params.get('id') : null
        const one = id === null ? undefined : books.items.get(id)
        const all = id === null ? [...books.items.values()] : one === undefined ? [] : [one]
        const rows = all.filter(item => item.type === type)
        const content = listPage(params, behaviour, listFault, ({ offset, limit }) => ({
          total: rows.length,
          rows: rows.slice(offset, offset + limit).map(row),
        }))
        return { kind: 'list', key: 'id', fields, content }
      },
    },
    // Staff and payments begin the opening with it; the processing module ends it, and says with which address.
    [`${type}.open`]: {
      level: levels.admin,
      run({ params }) {
        const item = books.item(params.get('elid') ?? '')
        if (!isSubmit(params)) return { kind: 'form', content: [el('elid', item.id)] }
        if (item.status === statuses.ordered) {
          item.status = statuses.processing
          books.start(item.id, 'open')
        } else if (params.has('ip')) {
          item.status = statuses.active
          finish(books, item, 'open')
        }
        return { kind: 'done', content: [el('ok')] }
      },
    },
    [`${type}.edit`]: {
      level: levels.admin,
      run({ params }) {
        const item = books.item(params.get('elid') ?? '')
        if (!isSubmit(params)) {
          const content = [el('elid', item.id), el('domain', item.domain)]
          return { kind: 'form', fields: ['domain', 'processingmodule'], content }
        }
        item.domain = params.get('domain') ?? item.domain
        const module = params.get('processingmodule')
        if (module !== null) item.module = { id: module, name: module }
        return { kind: 'done', content: [el('id', item.id), el('ok')] }
      },
    },
    [`${type}.delete`]: {
      level: levels.user,
      run({ params }) {
        for (const id of elidsOf(params)) {
          const item = books.item(id)
          item.status = statuses.processing
          books.start(id, 'close')
        }
        return { kind: 'done', content: [el('ok')] }
      },
    },
  }
}

const statusNames: Record<Item['status'], string> = {
  1: 'Ordered',
  2: 'Active',
  3: 'Suspended',
  4: 'Deleted',
  5: 'Processing',
}

function finish(books: Books, item: Item, command: 'open' | 'close'): void {
  for (const [id, operation] of books.operations) {
    if (operation.item === item.id && operation.command === command) books.operations.delete(id)
  }
}
