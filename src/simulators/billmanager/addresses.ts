import { parseKey } from '../coremanager/addresses.ts'
import { type Element, el } from '../coremanager/element.ts'
import { listPage } from '../coremanager/list.ts'
import { elidsOf, isSubmit, levels, type Outcome, type PanelFunction } from '../coremanager/panel.ts'
import { PanelError } from '../coremanager/panel-error.ts'
import type { Books } from './books.ts'
import type { Behaviour, BillmanagerUser, Slot } from './state.ts'

type Functions = Record<string, PanelFunction<BillmanagerUser>>

const done = (...content: Element[]): Outcome => ({ kind: 'done', content: [...content, el('ok')] })
const types = [
  { key: '7', name: 'Public IPv4' },
  { key: '8', name: 'Public IPv6' },
]

/** `service.ip` and what belongs to it (the fact sheet, 4.2 and 4.3). */
export function addressFunctions(books: Books, behaviour: Behaviour): Functions {
  return { ...clientFunctions(books, behaviour), ...moduleFunctions(books) }
}

function clientFunctions(books: Books, behaviour: Behaviour): Functions {
  const fields = ['id', 'name', 'type', 'domain', 'gateway', 'mask', 'is_main', 'no_delete']

  function order(params: URLSearchParams): Outcome {
    const item = books.item(params.get('plid') ?? '')
    const type = types.find(({ key }) => key === (params.get('type') ?? '7'))
    const count = Number(params.get('count') ?? 1)
    if (type === undefined)
      throw new PanelError({ type: 'value', object: 'type', value: params.get('type') ?? '' })
    if (!Number.isInteger(count) || count < 1 || count > 16) {
      throw new PanelError({ type: 'value', object: 'count', value: String(params.get('count')) })
    }
    for (let n = 0; n < count; n++) {
      const domain = params.get('domain') ?? ''
      const slot = books.addSlot(item.id, { type: type.name, domain, hiddenFor: behaviour.slotAfterPolls })
      books.start(item.id, 'addip', slot.id)
    }
    return done()
  }

  return {
    'service.ip': {
      level: levels.user,
      run({ params, listFault }) {
        const item = books.item(params.get('elid') ?? '')
        const all = books.slotsOf(item.id)
        const shown = all.filter(({ hiddenFor }) => hiddenFor === 0)
        for (const slot of all) slot.hiddenFor = Math.max(0, slot.hiddenFor - 1)
        const content = listPage(params, behaviour, listFault, ({ offset, limit }) => ({
          total: shown.length,
          rows: shown.slice(offset, offset + limit).map(rowOf),
        }))
        return { kind: 'list', key: 'id', fields, content: [el('plname', item.domain), ...content] }
      },
    },
    'service.ip.edit': {
      level: levels.user,
      run({ params }) {
        const elid = params.get('elid') ?? ''
        if (elid === '' && isSubmit(params)) return order(params)
        if (elid === '') {
          const values = types.map(({ key, name }) => el('val', name, { key }))
          const content = [el('slist', values, { name: 'type' }), el('domain'), el('maxcount', '16')]
          return { kind: 'form', fields: ['type', 'domain', 'count'], content }
        }
        const slot = books.slot(elid)
        if (!isSubmit(params)) {
          const { domain, mask, gateway } = slot
          const content = [el('elid', elid), el('domain', domain), el('mask', mask), el('gateway', gateway)]
          return { kind: 'form', fields: ['domain', 'mask', 'gateway'], content }
        }
        slot.domain = params.get('domain') ?? slot.domain
        return done(el('id', slot.id))
      },
    },
    'service.ip.delete': {
      level: levels.user,
      run({ params }) {
        for (const id of elidsOf(params)) {
          const slot = books.slot(id)
          if (slot.main) throw new PanelError({ type: 'access', object: 'no_delete' })
          books.start(slot.item, 'delip', slot.id)
        }
        return done()
      },
    },
  }
}

/** What processing modules call; `elid` is the id of the address's row. */
function moduleFunctions(books: Books): Functions {
  return {
    'service.ip.add': {
      level: levels.admin,
      run({ params }) {
        const slot = books.slot(params.get('elid') ?? '')
        if (!isSubmit(params)) return { kind: 'form', content: [el('ip', slot.name)] }
        const name = params.get('ip') ?? ''
        if (parseKey(name) === undefined) throw new PanelError({ type: 'value', object: 'ip', value: name })
        const domain = params.get('domain') ?? slot.domain
        const [mask, gateway] = [params.get('mask') ?? '', params.get('gateway') ?? '']
        Object.assign(slot, { name, domain, mask, gateway, state: 'stored' } satisfies Partial<Slot>)
        return done(el('ip.id', slot.id))
      },
    },
    'service.ip.add.commit': {
      level: levels.admin,
      run({ params }) {
        const slot = books.slot(params.get('elid') ?? '')
        if (slot.name === '') throw new PanelError({ type: 'missed', object: 'ip', value: slot.id })
        slot.state = 'active'
        return done()
      },
    },
    'service.ip.del': {
      level: levels.admin,
      run({ params }) {
        books.dropSlot(books.slot(params.get('elid') ?? ''))
        return done()
      },
    },
  }
}

function rowOf(slot: Slot): Element {
  return el('elem', [
    el('id', slot.id),
    el('name', slot.name),
    el('type', slot.type),
    el('domain', slot.domain),
    el('gateway', slot.gateway),
    el('mask', slot.mask),
    ...(slot.main ? [el('is_main', 'on'), el('no_delete', 'on')] : []),
  ])
}
