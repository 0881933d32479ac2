import { type familyOf, printKey } from '../coremanager/addresses.ts'
import { type Element, el } from '../coremanager/element.ts'
import { listPage } from '../coremanager/list.ts'
import { elidsOf, isSubmit, levels, type PanelFunction } from '../coremanager/panel.ts'
import { PanelError } from '../coremanager/panel-error.ts'
import type { Behaviour } from './behaviour.ts'
import type { Books, Guest } from './books.ts'
import type { Product } from './product.ts'

export interface Panel {
  product: Product
  books: Books
  behaviour: Behaviour
}

const columns = ['id', 'name', 'ip', 'user', 'status']

/** What a guest goes by in the panel's functions (the fact sheet, 5). */
export function elementOf({ product }: Panel, { id, addresses }: Guest): string {
  const [main] = addresses
  return product.element === 'main address' && main ? printKey(main.key) : id
}

/** @param object the parameter that named it */
export function guestBy(panel: Panel, object: 'elid' | 'plid', value: string): Guest {
  const found = [...panel.books.guests.values()].find(guest => elementOf(panel, guest) === value)
  if (found) return found
  throw new PanelError({ type: 'value', object, value, desc: 'desk_empty' })
}

/** The list of guests, the form of one, and its deletion. */
export function guestFunctions(panel: Panel): Record<string, PanelFunction> {
  const { product, books, behaviour } = panel

  function rowOf(guest: Guest): Element {
    const [main] = guest.addresses
    return el('elem', [
      el('id', guest.id),
      el('name', guest.name),
      el('ip', main ? printKey(main.key) : ''),
      el('user', guest.params['user'] ?? guest.params['owner'] ?? 'admin'),
      el('status', 'running', { orig: '2' }),
    ])
  }

  function make(params: URLSearchParams): Element[] {
    if (!product.makes) throw new PanelError({ type: 'missed', object: 'elid' })
    const name = params.get('name') ?? ''
    for (const field of ['name', ...product.required]) {
      if (!params.get(field)) throw new PanelError({ type: 'missed', object: field })
    }
    if (product.domainNames && !/^[a-z0-9-]+(\.[a-z0-9-]+)+$/i.test(name)) {
      throw new PanelError({ type: 'value', object: 'name', value: name })
    }
    if ([...books.guests.values()].some(guest => guest.name === name)) {
      throw new PanelError({ type: 'exists', object: 'name', value: name })
    }
    const secret = params.get('password') ?? params.get('passwd')
    if (secret !== null && params.get('confirm') !== secret) {
      throw new PanelError({ type: 'value', object: 'confirm' })
    }
    const family = familyParam(params)
    const key = books.pick(params.get('ip') ?? '', family, product.any)
    const guest = books.make(name, Object.fromEntries(params))
    books.put(guest, key, {
      ptr: product.ptr === 'domain' ? (params.get('domain') ?? '') : '',
      iptype: params.get('iptype') ?? 'public',
    })
    return [el('id', guest.id), el('ip', printKey(key)), el('ok')]
  }

  return {
    [product.guests]: {
      level: levels.user,
      run({ params, listFault }) {
        const all = [...books.guests.values()]
        const content = listPage(params, behaviour, listFault, ({ offset, limit }) => ({
          total: all.length,
          rows: all.slice(offset, offset + limit).map(rowOf),
        }))
        return { kind: 'list', key: 'id', fields: columns, content }
      },
    },
    [product.form]: {
      level: levels.user,
      run({ params }) {
        const elid = params.get('elid') ?? ''
        if (elid === '' && isSubmit(params)) return { kind: 'done', content: make(params) }
        if (elid === '') return { kind: 'form', content: [el('name'), el('ip')], fields: ['name', 'ip'] }
        const { name, addresses } = guestBy(panel, 'elid', elid)
        const [main] = addresses
        const content = [el('elid', elid), el('name', name), el('ip', main ? printKey(main.key) : '')]
        return { kind: 'form', content, fields: ['name', 'ip'] }
      },
    },
    [product.deletion]: {
      level: levels.user,
      run({ params }) {
        for (const elid of elidsOf(params)) books.guests.delete(guestBy(panel, 'elid', elid).id)
        return { kind: 'done', content: [el('ok')] }
      },
    },
  }
}

/** @throws PanelError for another word than `ipv4` and `ipv6` */
export function familyParam(params: URLSearchParams): ReturnType<typeof familyOf> | undefined {
  const text = params.get('family')
  if (text === null || text === '') return undefined
  if (text === 'ipv4') return 4
  if (text === 'ipv6') return 6
  throw new PanelError({ type: 'value', object: 'family', value: text })
}
