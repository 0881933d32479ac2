import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type ErrorCode, errorKinds } from '../../src/errors.ts'
import { packageRoot } from '../../src/package-root.ts'

const read = (path: string) => readFileSync(join(packageRoot, path), 'utf8')

describe('The page about errors', () => {
  const rows = [...read('docs/reference/errors.md').matchAll(/^\| `(\w+)` +\|(.+)\|$/gm)].map(
    ([, code = '', rest = '']) => [code, ...rest.split('|').map(cell => cell.trim())] as const,
  )

  it('has every code and no other', () => {
    expect(rows.map(([code]) => code)).toEqual(Object.keys(errorKinds))
  })

  it.each(rows)(
    'says of %s whether it is retried, what it means and what to do',
    (code, retried, ...texts) => {
      const { retry } = errorKinds[code as ErrorCode]
      expect(retry === 'later' ? ['yes', 'parked'] : ['no']).toContain(retried)
      expect(texts).toHaveLength(2)
      for (const text of texts) expect(text).toMatch(/^[A-Z].+[.)]$/)
    },
  )
})

describe('The page about what happens when something fails', () => {
  const page = read('docs/guides/what-happens-when.md').replaceAll(/\n\s*/g, ' ')
  const shown = [...page.matchAll(/\[([^\]]+)\]\(\.\.\/\.\.\/(test\/[^)]+)\)/g)].map(
    ([, title = '', path = '']) => [title, path] as const,
  )

  it('shows what it says by tests', () => {
    expect(shown.length).toBeGreaterThan(30)
  })

  it.each(shown)('names a test that exists: %s', (title, path) => {
    expect(read(path)).toContain(title)
  })
})

describe('The README', () => {
  it('shows the two command lines', () => {
    expect(read('README.md')).toContain('npm ci && npm run demo')
    expect(read('README.md')).toContain('npm ci && npm test')
  })

  it('links to pages that exist', () => {
    const links = [...read('README.md').matchAll(/\]\(([^)]+)\)/g)].map(match => match[1] ?? '')
    expect(links.length).toBeGreaterThan(10)
    for (const link of links) expect(() => readFileSync(join(packageRoot, link))).not.toThrow()
  })
})

describe('The events of the demo', () => {
  it('are what their script makes', () => {
    const made = execFileSync(process.execPath, [join(packageRoot, 'scripts', 'make-demo-events.mjs')])
    expect(read('examples/events.ndjson')).toBe(made.toString())
  })
})
