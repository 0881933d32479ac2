import { randomBytes, randomUUID } from 'node:crypto'
import { link, mkdir, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Config, isSecret, readSecrets } from '../config.ts'
import { IpbridgeError } from '../errors.ts'

/** The keys to seal with: those of the environment, else one that the data folder keeps (embedded mode). */
export async function resolveSecrets(config: Config): Promise<readonly Buffer[]> {
  if (config.secrets.length > 0) return config.secrets
  await mkdir(config.dataDir, { recursive: true })
  const file = join(config.dataDir, 'secret')
  const text = await readOrCreate(file, () => randomBytes(32).toString('base64'))
  if (isSecret(text)) return readSecrets(text)
  throw new IpbridgeError(
    'invalid_configuration',
    `${file} holds no key of 32 bytes in base64; put back what it held, or remove it if nothing was stored yet`,
  )
}

/**
 * Reads a file that only its owner may read, or makes it. Of many who try at once, one makes it; and it appears
 * with all that is in it, so that nobody reads half of it and no crash leaves it empty.
 */
export async function readOrCreate(file: string, make: () => string): Promise<string> {
  const known = await readFile(file, 'utf8').catch(ignore('ENOENT'))
  if (known !== undefined && known.trim() !== '') return known.trim()
  const unfinished = `${file}.${randomUUID()}`
  try {
    const handle = await open(unfinished, 'wx', 0o600)
    await handle.writeFile(make())
    await handle.sync()
    await handle.close()
    await link(unfinished, file).catch(ignore('EEXIST'))
  } finally {
    await rm(unfinished, { force: true })
  }
  const text = (await readFile(file, 'utf8')).trim()
  if (text !== '') return text
  throw new IpbridgeError('invalid_configuration', `${file} is empty; put back what it held, or remove it`)
}

function ignore(code: string) {
  return (error: NodeJS.ErrnoException): undefined => {
    if (error.code !== code) throw error
  }
}
