import { familyOf, printKey } from '../coremanager/addresses.ts'
import { type Element, el } from '../coremanager/element.ts'
import { listPage } from '../coremanager/list.ts'
import { elidsOf, isSubmit, levels, type PanelFunction } from '../coremanager/panel.ts'
import { PanelError } from '../coremanager/panel-error.ts'
import type { Guest, GuestAddress } from './books.ts'
import { familyParam, guestBy, type Panel } from './guest-functions.ts'

/** A guest's addresses: the list, the form of one, and its removal. */
export function addressFunctions(panel: Panel): Record<string, PanelFunction> {
  const { product, books, behaviour } = panel
  const columns = product.hasFamilies
    ? ['id', 'ip', product.ptr, 'family', 'iptype']
    : ['id', 'ip', product.ptr]
  const shownPtr = (ptr: string) => (ptr !== '' && behaviour.dots ? `${ptr}.` : ptr)

  function rowOf({ id, key, ptr, iptype }: GuestAddress): Element {
    return el('elem', [
      el('id', id),
      el('ip', printKey(key)),
      el(product.ptr, shownPtr(ptr)),
      ...(product.hasFamilies ? [el('family', `ipv${familyOf(key)}`), el('iptype', iptype)] : []),
    ])
  }

  function rowsOf({ addresses }: Guest): Element[] {
    const rows = addresses.map(rowOf)
    if (!product.groupRows) return rows
    return [el('elem', [el('id', 'g1'), el('type', 'group'), el('ip', 'Public addresses')]), ...rows]
  }

  function addressBy(guest: Guest, elid: string): GuestAddress {
    const found = guest.addresses.find(({ id, key }) => (product.row === 'id' ? id : printKey(key)) === elid)
    if (found) return found
    throw new PanelError({ type: 'value', object: 'elid', value: elid, desc: 'desk_empty' })
  }

  const guestOf = (params: URLSearchParams) => guestBy(panel, 'plid', params.get('plid') ?? '')

  function add(guest: Guest, params: URLSearchParams): Element[] {
    const key = books.pick(params.get('ip') ?? '', familyParam(params), product.any)
    const { id } = books.put(guest, key, {
      ptr: params.get(product.ptr) ?? '',
      iptype: params.get('iptype') ?? 'public',
    })
    return [el('id', id), el('ip', printKey(key)), el('ok')]
  }

  return {
    [product.addresses]: {
      level: levels.user,
      run({ params, listFault }) {
        const rows = rowsOf(guestBy(panel, 'elid', params.get('elid') ?? ''))
        const content = listPage(params, behaviour, listFault, ({ offset, limit }) => ({
          total: rows.length,
          rows: rows.slice(offset, offset + limit),
        }))
        return { kind: 'list', key: product.row, fields: columns, content }
      },
    },
    [product.address]: {
      level: levels.user,
      run({ params }) {
        const guest = guestOf(params)
        const elid = params.get('elid') ?? ''
        if (elid === '' && isSubmit(params)) return { kind: 'done', content: add(guest, params) }
        if (elid === '') return { kind: 'form', content: columns.map(name => el(name)), fields: columns }
        const address = addressBy(guest, elid)
        if (!isSubmit(params)) return { kind: 'form', content: rowOf(address).children, fields: columns }
        const ptr = params.get(product.ptr)
        if (ptr !== null) address.ptr = ptr.toLowerCase().replace(/\.$/, '')
        return { kind: 'done', content: [el('id', address.id), el('ok')] }
      },
    },
    [product.removal]: {
      level: levels.user,
      run({ params }) {
        const guest = guestOf(params)
        const elids = elidsOf(params)
        if (elids.length === 0) throw new PanelError({ type: 'missed', object: 'elid' })
        for (const elid of elids) books.take(guest, addressBy(guest, elid))
        return { kind: 'done', content: [el('ok')] }
      },
    },
  }
}
