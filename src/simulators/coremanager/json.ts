import type { Element } from './element.ts'

/** Whether a list with one row shows it bare (the rule that was captured) or as an array of one. */
export type OneRow = 'object' | 'array'

type Json = { [key: string]: unknown }

const listNames = new Set(['elem', 'slist', 'val', 'col', 'field', 'param'])

/**
 * The tree as the panels write JSON: attribute `x` becomes `$x`, text becomes `$`, elements of one name become
 * an array, a single one an object, an empty one `{}`. Source: the fact sheet, 1.5.
 */
export function toJson(root: Element, oneRow: OneRow): Json {
  return { [root.name]: convert(root, oneRow) }
}

function convert({ attributes, text, children }: Element, oneRow: OneRow): Json {
  // Without a prototype: names such as `constructor` are names like others.
  const object: Json = Object.create(null)
  for (const key in attributes) object[`$${key}`] = attributes[key]
  if (text !== '') object['$'] = text
  for (const one of children) {
    const value = convert(one, oneRow)
    const there = object[one.name]
    if (Array.isArray(there)) there.push(value)
    else if (there !== undefined) object[one.name] = [there, value]
    else object[one.name] = oneRow === 'array' && listNames.has(one.name) ? [value] : value
  }
  return object
}

/** Names and texts alone, as `bjson` and `JSONdata` give a form or a row. */
export function flat(elements: readonly Element[]): Record<string, string> {
  return Object.fromEntries(
    elements.filter(one => one.children.length === 0).map(({ name, text }) => [name, text]),
  )
}
