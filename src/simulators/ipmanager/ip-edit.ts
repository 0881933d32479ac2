import { type Family, familyOf, type Key, parseKey, parseRange, printKey } from '../coremanager/addresses.ts'
import { type Element, el } from '../coremanager/element.ts'
import { type Call, elidsOf, isSubmit, levels, type Outcome } from '../coremanager/panel.ts'
import { PanelError } from '../coremanager/panel-error.ts'
import { storedDomain } from './domain-name.ts'
import { columnsOf, groupElement } from './ip-list.ts'
import type { Panel } from './panel.ts'
import type { AddressRecord } from './record.ts'
import type { IpmanagerUser } from './state.ts'

type IpCall = Call<IpmanagerUser>

/** The record that a caller may see under a key; ordinary users see their own. */
function visible(
  { books }: Panel,
  account: IpmanagerUser,
  elid: string,
): { key: Key; record: AddressRecord } | undefined {
  const key = parseKey(elid)
  const record = key === undefined ? undefined : books.table.get(key)
  if (key === undefined || !record) return undefined
  if (account.level < levels.admin && (record.owner !== account.name || record.status !== 'used'))
    return undefined
  return { key, record }
}

/** `func=ip.edit`: read, request or change (the fact sheet, 2.1 and 2.3). */
export function ipEdit(panel: Panel, call: IpCall): Outcome {
  const elid = (call.params.get('elid') ?? '').trim()
  if (elid === '') return isSubmit(call.params) ? request(panel, call) : emptyForm(panel, call)
  const found = visible(panel, call.account, elid)
  if (!found) throw new PanelError({ type: 'value', object: 'elid', value: elid, desc: 'desk_empty' })
  return isSubmit(call.params) ? change(panel, call, found) : form(panel, call, found)
}

/** `func=ip.delete`: releases one address or several; the ones before a refusal are gone all the same. */
export function ipDelete(panel: Panel, { params, account }: IpCall): Outcome {
  const { books, behaviour } = panel
  const elids = elidsOf(params)
  if (elids.length === 0) throw new PanelError({ type: 'missed', object: 'elid' })
  for (const elid of elids) {
    const found = visible(panel, account, elid)
    if (!found) {
      throw new PanelError(
        behaviour.gone === 'missed'
          ? { type: 'missed', object: 'ip', value: elid }
          : { type: 'value', object: 'elid', value: elid, desc: 'desk_empty' },
      )
    }
    if (found.record.protect) throw new PanelError({ type: 'access', object: 'ip', value: elid })
    books.release(found.key, account.name)
  }
  return { kind: 'done', content: [el('ok')] }
}

function request({ books, behaviour }: Panel, { params, account }: IpCall): Outcome {
  const { wire, notes } = behaviour
  const text = (params.get(wire.ip) ?? '').trim()
  const named = text === '' ? undefined : parseRange(text)
  if (text !== '' && !named) throw new PanelError({ type: 'value', object: 'ip', value: text })
  const iptype = params.get(wire.iptype) ?? ''
  const key = books.grant(account, {
    family: familyParameter(params.get(wire.family)) ?? named?.family ?? 4,
    ...(iptype === '' ? {} : { iptype }),
    ...(named ? { named } : {}),
    domain: storedDomain(params.get(wire.domain) ?? ''),
    note: notes ? (params.get(wire.note) ?? '') : '',
  })
  const ip = printKey(key, behaviour.ipv6)
  return { kind: 'done', content: [...wire.granted.map(name => el(name, ip)), el('ok')] }
}

function familyParameter(text: string | null): Family | undefined {
  if (text === null || text === '') return undefined
  if (/^ipv4$/i.test(text)) return 4
  if (/^ipv6$/i.test(text)) return 6
  throw new PanelError({ type: 'value', object: 'family', value: text })
}

/** What is not sent keeps its value. Ordinary users change PTR and note. */
function change(
  { books, behaviour, state }: Panel,
  { params, account }: IpCall,
  { key }: { key: Key },
): Outcome {
  const { wire, notes } = behaviour
  const isAdmin = account.level >= levels.admin
  const [domain, note] = [params.get(wire.domain), params.get(wire.note)]
  const [iptype, owner, protect] = ['iptype', 'owner', 'protect'].map(name =>
    isAdmin ? params.get(name === 'protect' ? name : wire[name as 'iptype' | 'owner']) : null,
  )
  if (iptype && !state.groups.some(group => group.name === iptype)) {
    throw new PanelError({ type: 'value', object: 'iptype', value: iptype })
  }
  books.change(
    key,
    {
      ...(domain === null ? {} : { domain: storedDomain(domain) }),
      ...(note === null || !notes ? {} : { note }),
      ...(iptype ? { iptype } : {}),
      ...(owner ? { owner } : {}),
      ...(protect ? { protect: protect === 'on' } : {}),
    },
    account.name,
  )
  return { kind: 'done', content: [el('id', printKey(key, behaviour.ipv6)), el('ok')] }
}

function form(
  panel: Panel,
  { account }: IpCall,
  { key, record }: { key: Key; record: AddressRecord },
): Outcome {
  const { wire, notes, ipv6 } = panel.behaviour
  const ip = printKey(key, ipv6)
  const content = [
    el('elid', ip),
    el(wire.ip, ip),
    el(wire.family, `ipv${familyOf(key)}`),
    el(wire.domain, record.domain),
    el(wire.iptype, record.iptype),
    ...(notes ? [el(wire.note, record.note)] : []),
    ...(account.level >= levels.admin
      ? [el(wire.owner, record.owner), el('protect', record.protect ? 'on' : 'off')]
      : []),
    ...choices(panel, account),
  ]
  return { kind: 'form', fields: columnsOf(panel, account), content }
}

function emptyForm(panel: Panel, { account }: IpCall): Outcome {
  const { wire, notes } = panel.behaviour
  const content = [
    el(wire.family, 'ipv4'),
    el(wire.ip),
    el(wire.domain),
    ...(notes ? [el(wire.note)] : []),
    ...choices(panel, account),
  ]
  const fields = [wire.family, wire.ip, wire.domain, wire.iptype, ...(notes ? [wire.note] : [])]
  return { kind: 'form', fields, content }
}

/** What the form's selects offer: the groups that the caller may take from, and the families. */
function choices(panel: Panel, account: IpmanagerUser): Element[] {
  const { wire } = panel.behaviour
  const names =
    account.level >= levels.admin
      ? panel.state.groups.map(group => group.name)
      : [...new Set(account.rights.map(right => right.iptype))]
  return [
    el(
      'slist',
      names.map(name => el('val', groupElement(panel, name).text, { key: name })),
      { name: wire.iptype },
    ),
    el('slist', [el('val', 'IPv4', { key: 'ipv4' }), el('val', 'IPv6', { key: 'ipv6' })], {
      name: wire.family,
    }),
  ]
}
