import { execFile } from 'node:child_process'
import { chmod, chown, mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { cannotStart } from './cannot-start.ts'
import type { Place } from './place.ts'

const run = promisify(execFile)

/** Whether there is a database cluster in this folder. */
export async function isInitialised(cluster: string): Promise<boolean> {
  return (await stat(join(cluster, 'PG_VERSION')).catch(() => undefined)) !== undefined
}

/**
 * Makes the database cluster beside its place and moves it there whole, so that a crash leaves no half of one.
 * Of many who make one at once, the first gives it and the others throw theirs away.
 */
export async function makeCluster({ programs, cluster, user }: Place, password: string): Promise<void> {
  await makeFolder(dirname(cluster))
  const unfinished = await mkdtemp(`${cluster}.new-`)
  const passwordFile = join(unfinished, 'password')
  const data = join(unfinished, 'data')
  try {
    await writeFile(passwordFile, password, { mode: 0o600 })
    if (user) for (const path of [unfinished, passwordFile]) await chown(path, user.uid, user.gid)
    const options = [
      '--auth=scram-sha-256',
      '--username=ipbridge',
      '--encoding=UTF8',
      '--locale=C',
      '--no-instructions',
    ]
    const initdb = join(programs, 'bin', 'initdb')
    await run(initdb, ['-D', data, `--pwfile=${passwordFile}`, ...options], { ...user, cwd: '/' })
    await rename(data, cluster)
    await removeUnfinished(cluster)
  } catch (cause) {
    // Whoever was first also removed what the others had begun.
    if (await isInitialised(cluster)) return
    throw cannotStart(`initdb failed: ${(cause as { stderr?: string }).stderr || String(cause)}`, cause)
  } finally {
    await rm(unfinished, { recursive: true, force: true, maxRetries: 3 })
  }
}

/** Makes a folder that PostgreSQL's user may pass through, whatever the umask says. */
export async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true })
  if (first === undefined) return
  for (let path = folder; path.length >= first.length; path = dirname(path)) await chmod(path, 0o755)
}

/** Removes what others at the same moment and crashes left beside a cluster that is there. */
async function removeUnfinished(cluster: string): Promise<void> {
  const prefix = `${basename(cluster)}.new-`
  const names = (await readdir(dirname(cluster))).filter(name => name.startsWith(prefix))
  for (const name of names) {
    // One of them may still be written to: whoever does so removes it at his own end.
    await rm(join(dirname(cluster), name), { recursive: true, force: true }).catch(() => undefined)
  }
}
