import { readFile, rename, writeFile } from 'node:fs/promises'
import { z } from 'zod'
import { type IpmanagerState, stateSchema } from './state.ts'

/** What a state file holds: the state, and the certificate, so that whoever is pinned to it stays so. */
export type StoredState = Partial<IpmanagerState> & { tls?: { cert: string; key: string } }

/** A state file that cannot be used; the message names the file and what is wrong in it. */
export class BadStateFile extends Error {
  override name = 'BadStateFile'
}

/**
 * Reads a state file; one that does not exist yet is an empty one.
 * @throws BadStateFile
 */
export async function readStateFile(path: string): Promise<StoredState> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw new BadStateFile(`${path} cannot be read: ${(error as Error).message}`)
  }
  try {
    return stateSchema.parse(JSON.parse(text)) as StoredState
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message
    throw new BadStateFile(`${path} is not the state of a simulator: ${reason}`)
  }
}

const pauseMs = 500

/**
 * Keeps a state file up to date: `touch` after every change, `finish` at the end. Writing is put off for half a
 * second, so that many changes are written once; a file is complete or untouched, never half.
 */
export function createStateFile(path: string, read: () => StoredState) {
  let timer: NodeJS.Timeout | undefined
  let writing: Promise<void> = Promise.resolve()

  async function write(): Promise<void> {
    const partial = `${path}.partial`
    await writeFile(partial, `${JSON.stringify(read(), undefined, 2)}\n`, { mode: 0o600 })
    await rename(partial, path)
  }

  function flush(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    writing = writing.catch(() => undefined).then(write)
    return writing
  }

  return {
    touch(): void {
      timer ??= setTimeout(() => {
        // Said by `finish`, which everyone waits for; until then the next write tries again.
        flush().catch(() => undefined)
      }, pauseMs)
    },
    /** Writes all of it. @throws what the file system throws */
    finish: flush,
  }
}
