import { z } from 'zod'
import { type Element, el } from './element.ts'

/** What a panel refuses, in its own words: a type, the object that it is about, perhaps the value. */
export const refusalSchema = z.strictObject({
  type: z.string(),
  object: z.string().optional(),
  value: z.string().optional(),
  /** A further word on what is wrong, such as `desk_empty`. */
  desc: z.string().optional(),
})

export type Refusal = z.output<typeof refusalSchema>

/** Thrown by a panel's function; the shell answers with it, under HTTP 200. */
export class PanelError extends Error {
  readonly refusal: Refusal

  constructor(refusal: Refusal) {
    super(`${refusal.type}(${refusal.object ?? ''})`)
    this.refusal = refusal
  }
}

/** Who did what when it was refused. */
export interface Stack {
  lang: string
  func: string
  level: number
  user: string
}

/** The `<error>` element, in the shapes that were captured from real panels (the fact sheet, 1.4 and 1.5). */
export function errorElement(refusal: Refusal, { lang, func, level, user }: Stack): Element {
  const { type, object = '', value = '', desc } = refusal
  const text = messages(refusal)[lang === 'ru' ? 'ru' : 'en']
  const label = labels[object]
  return el(
    'error',
    [
      el('param', object, {
        name: 'object',
        type: 'msg',
        ...(type === 'value' && label ? { msg: label } : {}),
      }),
      el('param', value, { name: 'value' }),
      ...(desc ? [el('param', desc, { name: 'desc', type: 'msg' })] : []),
      el('stack', [el('action', func, { level: String(level), user })]),
      ...(type === 'value'
        ? [el('group', "The '__object__' field has an invalid value. __desc__")]
        : [el('detail', text)]),
      el('msg', text),
    ],
    { type, object, lang, code: '1' },
  )
}

/** The numbers that errors have in version 4 (the fact sheet, 1.7). */
const numbers: Record<string, number> = { exists: 2, missed: 3, value: 4, limit: 5, access: 6, license: 7 }

/** The same as panels of version 4 say it: a number and a text; and nothing else of who may not sign in. */
export function numberedError(refusal: Refusal, { lang }: Stack): Element {
  if (refusal.type === 'auth') return el('authfail')
  const text = messages(refusal)[lang === 'ru' ? 'ru' : 'en']
  return el('error', text, { code: String(numbers[refusal.type] ?? 1) })
}

const labels: Record<string, string> = {
  elid: 'Element identifier',
  ip: 'IP address',
  domain: 'Domain name',
  iptype: 'IP address group',
  family: 'Protocol version',
}

/** People's text. It differs by language and is not to be matched on, and so it is worded here as it pleases. */
function messages({ type, object = '', value = '' }: Refusal): { en: string; ru: string } {
  switch (type) {
    case 'auth':
      return object === 'badpassword'
        ? { en: 'Invalid username or password ', ru: 'Неверное имя пользователя или пароль ' }
        : { en: 'Session expired ', ru: 'Время сессии истекло ' }
    case 'value':
      return {
        en: `The '${labels[object] ?? object}' field has an invalid value. `,
        ru: `Поле '${object}' содержит недопустимое значение. `,
      }
    case 'missed':
      return { en: `The ${object} does not exist. ${value}`, ru: `Объект ${object} не найден. ${value}` }
    case 'exists':
      return { en: `The ${object} already exists. ${value}`, ru: `Объект ${object} уже существует. ${value}` }
    case 'access':
      return { en: 'Insufficient privileges to perform the operation', ru: 'Недостаточно прав' }
    case 'limit':
      return { en: `The limit for ${object} is reached`, ru: `Превышен лимит: ${object}` }
    default:
      return { en: `Error of type ${type}: ${object}`, ru: `Ошибка типа ${type}: ${object}` }
  }
}
