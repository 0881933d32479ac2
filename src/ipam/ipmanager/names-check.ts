import { attributeOf, descendants, type Element } from '../../coremanager/document.ts'
import type { Options } from './options.ts'
import type { Row } from './row.ts'

/**
 * Says which of the names that no source documents for certain (`options.names`) the panel confirms.
 * @param form `ip.edit`, not submitted, with its description (`out=devel`; facts, section 1.8)
 * @param listed a row of the list
 * @param confirmedBy the field of the reply that held the address of the latest grant
 */
export function confirmNames({
  options,
  form,
  listed,
  confirmedBy,
}: {
  options: Options
  form: Element
  listed: Row | undefined
  confirmedBy: string | undefined
}): string[] {
  const { names, marker } = options
  const shown = new Set(Object.keys(form).filter(key => !key.startsWith('$')))
  for (const field of descendants(form, 'field')) shown.add(attributeOf(field, 'name') ?? '')
  const needed = ['ip', 'family', 'group', 'ptr', ...(marker === 'note' ? (['note'] as const) : [])] as const
  const isShown = (name: (typeof needed)[number]) => shown.has(names[name])
  const told = (list: readonly (typeof needed)[number][]) =>
    list.map(name => `${name} (${names[name]})`).join(', ')

  const confirmed = needed.filter(isShown)
  const missing = needed.filter(name => !isShown(name))
  const remarks: string[] = []
  if (confirmed.length > 0) remarks.push(`Its form for addresses confirms the names of ${told(confirmed)}.`)
  if (missing.includes('note')) {
    remarks.push(
      `Its form for addresses has no field ${names.note}: if the panel cannot hold a note, set options.marker to ptr; if it is called otherwise, set options.names.note.`,
    )
  }
  const others = missing.filter(name => name !== 'note')
  if (others.length > 0) {
    remarks.push(
      `Its form for addresses does not show ${told(others)}; its fields are ${[...shown].sort().join(', ')}. Correct options.names where one of them is meant.`,
    )
  }
  remarks.push(
    listed === undefined
      ? 'Its list is empty: how it names its columns is seen with the first address.'
      : `Its list names addresses ${names.ip}${listed.owner === undefined ? '' : ` and their owners ${names.owner}`}.`,
    confirmedBy === undefined
      ? `Which field of its reply holds a granted address (options.names.reply) is seen with the first one; so is how it says that none is free (options.exhausted).`
      : `Its reply named the latest granted address in ${confirmedBy}.`,
  )
  return remarks
}
