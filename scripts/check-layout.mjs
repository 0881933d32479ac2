// Keeps the import rules of docs/reference/layout.md. Run by `npm run lint`.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/**
 * Each rule: which files it is about, which imports it looks at, and which of those are allowed.
 * `import type` is always allowed where `types` is true.
 */
const rules = [
  {
    name: 'src/domain is pure: it imports nothing of ours',
    files: /^src\/domain\//,
    concerns: target => target.startsWith('src/') || target.startsWith('workers/'),
    allows: target => target.startsWith('src/domain/'),
  },
  {
    name: 'workers import the domain, the errors and the steps they share; of ports only the types',
    files: /^workers\//,
    concerns: target => target.startsWith('src/') || target.startsWith('workers/'),
    allows: target =>
      target === 'src/errors.ts' || ['src/domain/', 'workers/steps/'].some(place => target.startsWith(place)),
    types: true,
  },
  {
    name: 'only the composition root and the entry point import workers',
    files: /^src\//,
    concerns: target => target.startsWith('workers/'),
    allows: (_, file) => file === 'src/app.ts',
  },
  {
    name: 'bullmq is imported in src/queue and by the dashboard only',
    files: /^(src|workers)\//,
    concerns: target => target === 'bullmq' || target.startsWith('@bull-board/'),
    allows: (target, file) =>
      target === 'bullmq' ? file.startsWith('src/queue/') : file.startsWith('src/api/dashboard'),
    types: true,
  },
  {
    name: 'Prisma is imported in src/db only; its client is passed on from there',
    files: /^(src|workers)\//,
    concerns: target => target.startsWith('@prisma/') || target.startsWith('src/db/generated'),
    allows: (_, file) => file.startsWith('src/db/'),
  },
  {
    name: 'drivers are made by the composition root only',
    files: /^(src|workers)\//,
    concerns: target =>
      /^src\/(ipam|panels)\/(\w+\/driver|memory|none|vmmanager5|vdsmanager|dcimanager5)\.ts$/.test(target),
    allows: (target, file) => file === 'src/app.ts' || dirname(file) === dirname(target),
    types: true,
  },
  {
    name: 'simulators import nothing of ours, so that they can judge the drivers',
    files: /^src\/simulators\//,
    concerns: target => target.startsWith('src/') || target.startsWith('workers/'),
    allows: target => target.startsWith('src/simulators/'),
  },
  {
    name: 'simulators are started by the command line only; no driver knows them',
    files: /^(src|workers)\/(?!simulators\/)/,
    concerns: target => target.startsWith('src/simulators/'),
    allows: (_, file) => file.startsWith('src/cli/'),
  },
]

const broken = []
for (const file of sourceFiles(join(root, 'src')).concat(sourceFiles(join(root, 'workers')))) {
  const path = relative(root, file)
  for (const { target, isType } of importsOf(file, path)) {
    for (const rule of rules) {
      if (!rule.files.test(path) || !rule.concerns(target) || (isType && rule.types)) continue
      if (!rule.allows(target, path)) broken.push(`${path} imports ${target}: ${rule.name}`)
    }
  }
}

if (broken.length > 0) {
  console.error(broken.join('\n'))
  process.exit(1)
}
console.log('the layout rules hold')

function sourceFiles(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter(entry => entry.isFile() && entry.name.endsWith('.ts'))
    .map(entry => join(entry.parentPath ?? entry.path, entry.name))
    .filter(file => !file.includes('/generated/'))
}

function importsOf(file, path) {
  const text = readFileSync(file, 'utf8')
  const found = []
  for (const match of text.matchAll(/^\s*(?:import|export)\s+(type\s)?([^'";]*?)from\s+'([^']+)'/gm)) {
    const names = match[2] ?? ''
    const allTypes =
      /^\{[^}]*\}\s*$/.test(names.trim()) &&
      names
        .replace(/[{}]/g, '')
        .split(',')
        .every(n => /^\s*(type\s.*)?$/.test(n))
    found.push({ target: resolve(match[3], path), isType: match[1] !== undefined || allTypes })
  }
  for (const match of text.matchAll(/\bimport\('([^']+)'\)/g))
    found.push({ target: resolve(match[1], path), isType: false })
  return found
}

function resolve(specifier, path) {
  return specifier.startsWith('.') ? normalize(join(dirname(path), specifier)) : specifier
}
