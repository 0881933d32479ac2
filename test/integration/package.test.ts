import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packageRoot } from '../../src/package-root.ts'
import { admin, furnish } from '../helpers/api.ts'
import { backend, startTestApp, type TestApp } from '../helpers/app.ts'

const run = promisify(execFile)

const consumer = `
import { createClient, event } from 'ipbridge'

const client = createClient({ url: process.argv[2] ?? '', token: process.argv[3] ?? '' })
const service = { id: 'packed', kind: 'vps', client: 'c-1', domain: 'packed.example.net', server: 'node1' }
const { events } = await client.send(event('service.created', '/consumer', { service }), { wait: 30 })
const address: string | null | undefined = events[0]?.addresses?.[0]?.address
console.log(address)
// @ts-expect-error a type that there is not
event('service.exploded', '/consumer', {})
`

// What the package is does not depend on the queue.
describe.skipIf(backend === 'redis')('The package, as others install it', { timeout: 120_000 }, () => {
  let app: TestApp
  let folder: string
  beforeAll(async () => {
    app = await startTestApp({ env: { PORT: '0' } })
    await furnish(app)
    folder = await mkdtemp(join(tmpdir(), 'ipbridge-consumer-'))
    const options = { cwd: packageRoot }
    await run('npm', ['pack', '--ignore-scripts', '--offline', '--pack-destination', folder], options)
    const { version } = JSON.parse(await readFile(join(packageRoot, 'package.json'), 'utf8'))
    const place = join(folder, 'node_modules', 'ipbridge')
    await mkdir(place, { recursive: true })
    await run('tar', ['xzf', join(folder, `ipbridge-${version}.tgz`), '-C', place, '--strip-components=1'])
    await mkdir(join(folder, 'node_modules', '@types'))
    for (const name of ['@types/node', 'undici-types']) {
      await symlink(join(packageRoot, 'node_modules', name), join(folder, 'node_modules', name))
    }
  })
  afterAll(async () => {
    await app.shutDown()
    await rm(folder, { recursive: true, force: true })
  })

  it('has types that a strict consumer compiles with, and a client that works without any dependency', async () => {
    await writeFile(join(folder, 'package.json'), JSON.stringify({ type: 'module' }))
    await writeFile(join(folder, 'consumer.ts'), consumer)
    const flags = ['--strict', '--module', 'nodenext', '--target', 'es2023', '--lib', 'es2023']
    const tsc = join(packageRoot, 'node_modules', '.bin', 'tsc')
    await run(tsc, [...flags, '--types', 'node', '--skipLibCheck', 'false', 'consumer.ts'], { cwd: folder })
    const api = await app.serve()
    const { token } = await app.desk.tokens.add(admin, { name: 'consumer', role: 'billing' })
    const { stdout } = await run(process.execPath, ['consumer.js', api.url, token], { cwd: folder }).finally(
      () => api.close(),
    )
    const [assignment] = await app.db.assignment.findMany({ where: { serviceId: 'packed' } })
    expect(stdout.trim()).toBe(assignment?.address)
  })

  it('brings what the program needs at run time', async () => {
    const { stdout } = await run('tar', ['tzf', join(folder, 'ipbridge-0.1.0.tgz')])
    const files = stdout.split('\n')
    for (const file of [
      'dist/src/main.js',
      'dist/src/client.d.ts',
      'examples/events.ndjson',
      'LICENSE',
      'README.md',
    ]) {
      expect(files).toContain(`package/${file}`)
    }
    expect(files.some(file => file.endsWith('/migration.sql'))).toBe(true)
    expect(files.filter(file => /(^|\/)(test|\.env|\.data)/.test(file.replace('package/', '')))).toEqual([])
  })
})
