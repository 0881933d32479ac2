import { randomBytes } from 'node:crypto'
import { mkdir, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Config, readSecrets } from '../config.ts'

/** The keys to seal with: those of the environment, else one that the data folder keeps (embedded mode). */
export async function resolveSecrets(config: Config): Promise<readonly Buffer[]> {
  if (config.secrets.length > 0) return config.secrets
  await mkdir(config.dataDir, { recursive: true })
  const file = join(config.dataDir, 'secret')
  return readSecrets(await readOrCreate(file, () => randomBytes(32).toString('base64')))
}

/** Reads a file that only its owner may read, or makes it; of many who try at once, one makes it. */
export async function readOrCreate(file: string, make: () => string): Promise<string> {
  try {
    const handle = await open(file, 'wx', 0o600)
    await handle.writeFile(make())
    await handle.sync()
    await handle.close()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return (await readFile(file, 'utf8')).trim()
}
