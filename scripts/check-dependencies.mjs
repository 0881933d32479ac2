// Whether everything that ipbridge ships with may be used, and nothing in it is known to be vulnerable.
//
// Licences are read from what is installed, and need no network. Vulnerabilities are asked of the registry that npm
// uses; where it does not answer, this says `not checked` and is no failure: whoever builds without a network could
// not do anything about it. What was looked into and does not concern us stands in accepted-advisories.json, with why.

import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Licences that allow use in any product, and ask for no more than to be named. */
const allowed = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'ISC',
  'MIT',
  'PostgreSQL',
  'Python-2.0',
  'Unlicense',
])

/** Of several licences to choose from one must be allowed; of several that hold together, all. */
export function isAllowed(licence) {
  const plain = String(licence ?? '').replace(/[()]/g, '')
  return plain.split(' OR ').some(choice => choice.split(' AND ').every(each => allowed.has(each.trim())))
}

/**
 * What ships with ipbridge under a licence that is not allowed.
 * @param packages those of a package-lock.json
 * @param licenceOf reads the licence of an installed package; undefined where it is not installed
 */
export async function badLicences(packages, licenceOf) {
  const shipped = Object.entries(packages).filter(
    ([path, { dev, devOptional }]) => path && !dev && !devOptional,
  )
  const read = shipped.map(async ([path, { license }]) => [
    path,
    (await licenceOf(path)) ?? license ?? 'unknown',
  ])
  return (await Promise.all(read)).filter(([, licence]) => !isAllowed(licence))
}

/**
 * What an answer of `npm audit --json` comes to.
 * @param accepted advisories that do not concern us, by their URL
 * @returns why it says nothing, or the advisories that somebody has to look into
 */
export function judgeAudit(text, accepted) {
  let report
  try {
    report = JSON.parse(text)
  } catch {
    return { notChecked: 'the answer is not JSON' }
  }
  if (report.vulnerabilities === undefined) {
    return { notChecked: report.message ?? report.error?.summary ?? 'the registry gave no report' }
  }
  const advisories = Object.values(report.vulnerabilities)
    .flatMap(({ via }) => via)
    .filter(cause => typeof cause === 'object' && !(cause.url in accepted))
  return { advisories: [...new Map(advisories.map(each => [each.url, each])).values()] }
}

async function readJson(...path) {
  return JSON.parse(await readFile(join(root, ...path), 'utf8'))
}

async function main() {
  const { packages } = await readJson('package-lock.json')
  const licenceOf = path =>
    readJson(path, 'package.json').then(
      ({ license }) => license,
      () => undefined,
    )
  const bad = await badLicences(packages, licenceOf)
  for (const [path, licence] of bad)
    console.error(`${path}: the licence ${licence} is not one of those allowed`)

  const ask = promisify(execFile)('npm', ['audit', '--omit=dev', '--json'], {
    cwd: root,
    timeout: 60_000,
    maxBuffer: 1e8,
  })
  const text = await ask.then(
    ({ stdout }) => stdout,
    // It exits with 1 where it has found something, too.
    error => error.stdout || JSON.stringify({ message: error.message }),
  )
  const { notChecked, advisories = [] } = judgeAudit(
    text,
    await readJson('scripts', 'accepted-advisories.json'),
  )
  for (const { name, severity, title, url } of advisories)
    console.error(`${name}: ${severity}: ${title} (${url})`)
  console.log(
    notChecked === undefined
      ? `dependencies: licences are allowed, and ${advisories.length} known vulnerabilities want a look`
      : `dependencies: licences are allowed; known vulnerabilities: NOT CHECKED (${notChecked})`,
  )
  if (bad.length + advisories.length > 0) process.exitCode = 1
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()
