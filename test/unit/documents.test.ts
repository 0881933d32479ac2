import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { errorKinds } from '../../src/errors.ts'
import { packageRoot } from '../../src/package-root.ts'

const read = (path: string) => readFileSync(join(packageRoot, path), 'utf8')

describe('The page about errors', () => {
  it('has every code and no other', () => {
    const codes = [...read('docs/reference/errors.md').matchAll(/^\| `(\w+)` /gm)].map(match => match[1])
    expect(codes).toEqual(Object.keys(errorKinds))
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
