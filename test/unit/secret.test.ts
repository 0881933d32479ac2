import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import { readOrCreate, resolveSecrets } from '../../src/db/secret.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ipbridge-secret-'))
})
afterEach(() => rm(folder, { recursive: true }))

describe('A secret that the data folder keeps', () => {
  it('is made once, and only its owner may read it', async () => {
    const file = join(folder, 'secret')
    expect(await readOrCreate(file, () => 'first')).toBe('first')
    expect(await readOrCreate(file, () => 'second')).toBe('first')
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect(await readdir(folder)).toEqual(['secret'])
  })

  it('is the same for all who ask for the first time at once', async () => {
    const file = join(folder, 'secret')
    const made = await Promise.all(Array.from({ length: 50 }, (_, n) => readOrCreate(file, () => `${n}`)))
    expect(new Set(made).size).toBe(1)
    expect(await readdir(folder)).toEqual(['secret'])
  })

  it('that was emptied is not replaced by another one, which would open nothing', async () => {
    const file = join(folder, 'secret')
    await writeFile(file, '')
    await expect(readOrCreate(file, () => 'new')).rejects.toMatchObject({
      code: 'invalid_configuration',
      message: `${file} is empty; put back what it held, or remove it`,
    })
    expect(await readFile(file, 'utf8')).toBe('')
  })
})

describe('The keys to seal with', () => {
  const IPBRIDGE_SECRET = Buffer.alloc(32, 5).toString('base64')

  it('are those of the environment', async () => {
    const config = loadConfig({ IPBRIDGE_SECRET, IPBRIDGE_DATA_DIR: folder })
    expect(await resolveSecrets(config)).toEqual([Buffer.alloc(32, 5)])
    expect(await readdir(folder)).toEqual([])
  })

  it('are made in the data folder where the environment has none, and stay', async () => {
    const config = loadConfig({ IPBRIDGE_DATA_DIR: join(folder, 'data') })
    const [key] = await resolveSecrets(config)
    expect(key).toHaveLength(32)
    expect(await resolveSecrets(config)).toEqual([key])
  })
})
