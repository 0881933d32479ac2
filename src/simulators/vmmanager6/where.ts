import { invalid } from './refusal.ts'

type Row = Record<string, unknown>

/**
 * Reads a filter: `id EQ 5`, `name CP '%x%'`, and several of them with AND (the fact sheet, 5.5).
 * @throws Refused for what it cannot read
 */
export function filterOf(where: string | null): (row: Row) => boolean {
  if (where === null || where === '') return () => true
  const tests = where.split(' AND ').map(part => testOf(part.replace(/^\(+|\)+$/g, '').trim()))
  return row => tests.every(test => test(row))
}

function testOf(part: string): (row: Row) => boolean {
  const [, field = '', operator = '', text = ''] = /^(\w+) (EQ|CP) (.*)$/.exec(part) ?? []
  if (field === '') throw invalid('where')
  const value = text.replace(/^'(.*)'$/, '$1')
  if (operator === 'EQ') return row => String(row[field]) === value
  const wanted = value.replace(/^%|%$/g, '')
  return row => String(row[field] ?? '').includes(wanted)
}
