import { describe, expect, it } from 'vitest'
// @ts-expect-error a script without types
import { badLicences, isAllowed, judgeAudit } from '../../scripts/check-dependencies.mjs'

describe('The licence of a dependency', () => {
  it.each(['MIT', '(MIT OR GPL-3.0)', 'MIT AND ISC', 'Apache-2.0'])('may be %s', licence => {
    expect(isAllowed(licence)).toBe(true)
  })

  it.each(['GPL-3.0', 'MIT AND GPL-3.0', 'SEE LICENSE IN LICENSE.md', 'UNLICENSED', undefined])(
    'may not be %s',
    licence => {
      expect(isAllowed(licence)).toBe(false)
    },
  )

  it('is looked at in what is shipped, and read where it is installed', async () => {
    const packages = {
      '': { license: 'MIT' },
      'node_modules/good': { license: 'GPL-3.0' },
      'node_modules/bad': { license: 'MIT' },
      'node_modules/absent': { license: 'AGPL-3.0' },
      'node_modules/tool': { license: 'GPL-3.0', dev: true },
    }
    const installed: Record<string, string> = { 'node_modules/good': 'MIT', 'node_modules/bad': 'BUSL-1.1' }
    expect(await badLicences(packages, async (path: string) => installed[path])).toEqual([
      ['node_modules/bad', 'BUSL-1.1'],
      ['node_modules/absent', 'AGPL-3.0'],
    ])
  })
})

describe('A report of known vulnerabilities', () => {
  const advisory = { name: 'left', severity: 'high', title: 'leaks', url: 'https://example.net/a1' }
  const report = JSON.stringify({
    vulnerabilities: { left: { via: [advisory] }, right: { via: ['left', advisory] } },
  })

  it('tells of each once', () => {
    expect(judgeAudit(report, {})).toEqual({ advisories: [advisory] })
  })

  it('leaves out what was looked into', () => {
    expect(judgeAudit(report, { [advisory.url]: 'it is not called' })).toEqual({ advisories: [] })
  })

  it.each([
    ['the registry refuses', '{"message": "405 Method Not Allowed"}', '405 Method Not Allowed'],
    ['there is no network', '{"error": {"summary": "ENOTFOUND"}}', 'ENOTFOUND'],
    ['a proxy answers in its place', '<html>', 'the answer is not JSON'],
  ])('says that nothing was checked where %s', (_, text, why) => {
    expect(judgeAudit(text, {})).toEqual({ notChecked: why })
  })
})
