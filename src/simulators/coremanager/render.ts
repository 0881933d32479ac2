import { type Element, el } from './element.ts'
import { flat, type OneRow, toJson } from './json.ts'
import type { Outcome } from './panel.ts'
import type { Refusal } from './panel-error.ts'
import { toXml } from './xml.ts'

export interface Rendered {
  contentType: string
  /** A cookie to set: the session, after signing in. */
  cookie?: string
  body: string
}

export const formats = ['xml', 'devel', 'json', 'sjson', 'xjson', 'bjson', 'JSONdata', 'text'] as const
export type Format = (typeof formats)[number]

export const isFormat = (out: string | null): out is Format => (formats as readonly unknown[]).includes(out)

const xml = (root: Element): Rendered => ({ contentType: 'text/xml; charset=UTF-8', body: toXml(root) })
const json = (value: unknown): Rendered => ({
  contentType: 'application/json; charset=UTF-8',
  body: JSON.stringify(value),
})
const text = (body: string): Rendered => ({ contentType: 'text/plain; charset=UTF-8', body })

export interface Frame {
  mgr: string
  func: string
  /** Attributes of `<doc>`. */
  attributes: Record<string, string>
  /** `saved_filters`, `tparams`. */
  trailer: readonly Element[]
  oneRow: OneRow
}

/** A function's answer in one of the output formats. */
export function renderOutcome(out: Format, outcome: Outcome, frame: Frame): Rendered {
  const { kind, content } = outcome
  const rows = content.filter(one => one.name === 'elem')
  const doc = (...more: Element[]) => el('doc', [...content, ...more, ...frame.trailer], frame.attributes)
  switch (out) {
    case 'xml':
      return xml(doc())
    case 'devel':
      return xml(doc(...metadata(outcome, frame)))
    case 'sjson':
      return json(toJson(doc(), frame.oneRow))
    case 'json':
    case 'xjson':
      return json(toJson(doc(...metadata(outcome, frame), ...furniture(outcome)), frame.oneRow))
    case 'bjson':
      if (kind === 'list')
        return json({ model: { ...flat(content), elem: rows.map(row => flat(row.children)) } })
      return json({ model: withoutOk(content), ...(content.some(isOk) ? { ok: true } : {}) })
    case 'JSONdata':
      return json(kind === 'list' ? rows.map(row => flat(row.children)) : flat(content))
    case 'text':
      if (outcome.text !== undefined) return text(outcome.text)
      if (kind === 'list') return text(rows.map(row => `${pairs(row.children).join(' ')}\n`).join(''))
      return text(
        content.some(isOk)
          ? `OK ${pairs(content.filter(one => !isOk(one))).join(' ')}`.trim()
          : pairs(content).join('\n'),
      )
  }
}

/** A refusal in one of the output formats. It comes as HTTP 200 like everything else. */
export function renderError(out: Format, error: Element, refusal: Refusal, oneRow: OneRow): Rendered {
  switch (out) {
    case 'xml':
    case 'devel':
      return xml(el('doc', [error]))
    case 'bjson':
    case 'JSONdata':
      return json({
        error: {
          type: refusal.type,
          object: refusal.object,
          value: refusal.value,
          ...flat(error.children.filter(one => one.name === 'msg')),
        },
      })
    case 'text':
      return text(`ERROR ${refusal.type}(${refusal.object ?? ''}) ${refusal.value ?? ''}`.trim())
    default:
      return json(toJson(el('doc', [error]), oneRow))
  }
}

const isOk = (element: Element): boolean => element.name === 'ok'
const withoutOk = (content: readonly Element[]) => flat(content.filter(one => !isOk(one)))
const pairs = (elements: readonly Element[]): string[] =>
  elements.filter(one => one.children.length === 0).map(({ name, text: value }) => `${name}=${value}`)

/** The description of a list or form that `json` adds and `devel` is asked for. */
function metadata({ kind, key, fields = [] }: Outcome, { func, mgr }: Frame): Element[] {
  if (kind === 'done') return []
  const attributes = { name: func, type: kind, ...(key ? { key } : {}), mgr }
  const body =
    kind === 'list'
      ? el(
          'coldata',
          fields.map(name => el('col', '', { name, type: 'data' })),
        )
      : el(
          'form',
          fields.map(name => el('field', [el('input', '', { name, type: 'text' })], { name })),
        )
  return [el('metadata', [body], attributes)]
}

/** What else `json` adds for the panel's own pages. */
function furniture({ kind, fields = [] }: Outcome): Element[] {
  if (kind === 'done') return []
  return [
    el(
      'messages',
      fields.map(name => el('msg', name, { name })),
    ),
    el('contextmenu'),
  ]
}
