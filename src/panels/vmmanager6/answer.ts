import type { HttpTarget } from '../../http/client.ts'
import { noAnswer } from '../../http/failures.ts'

export type Json = Record<string, unknown>

const longestText = 300

/** @throws what there is to say of an answer that is no JSON object */
export function readJson(target: HttpTarget, text: string, changes: boolean): Json {
  try {
    const value: unknown = JSON.parse(text)
    if (isObject(value)) return value
  } catch {
    // Said below.
  }
  const what = text.trim() === '' ? 'with nothing' : 'with something that is no JSON object'
  throw noAnswer(
    target,
    `it answered ${what}; is another program at this URL, or a proxy before it?`,
    changes,
  )
}

/** What an answer says of why it refused; empty where it says nothing. */
export function messageOf(text: string): string {
  try {
    const { error } = JSON.parse(text)
    const { code, msg } = error
    return `${code ?? ''} ${msg ?? ''}`.replace(/\s+/g, ' ').trim().slice(0, longestText)
  } catch {
    return ''
  }
}

/** The rows of a list. @throws where it is none, or not whole: what is missing must never look like what is free */
export function listOf(target: HttpTarget, answer: Json, what: string): Json[] {
  const { list, size } = answer
  if (!Array.isArray(list) || !list.every(isObject)) {
    throw noAnswer(target, `its answer about ${what} holds no list`, false)
  }
  if (typeof size === 'number' && size > list.length) {
    throw noAnswer(target, `its list of ${what} has ${list.length} of ${size} rows`, false)
  }
  return list
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
