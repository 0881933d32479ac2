import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { IpbridgeError } from '../../errors.ts'
import { isInitialised } from './cluster.ts'
import { copyPrograms, installedPrograms } from './programs.ts'

/** Where root puts what PostgreSQL's user must reach, when the data folder is closed to it (as /root is). */
const sharedFolder = '/var/lib/ipbridge'

/** Who runs the server, and where its programs and data are. */
export interface Place {
  /** The folder that has `bin`, `lib` and `share`. */
  programs: string
  /** Where the database cluster goes. */
  cluster: string
  /** PostgreSQL refuses to run as root, so root lends it another user. */
  user?: { uid: number; gid: number }
}

/**
 * Finds the PostgreSQL that npm installed for this platform and decides where it runs. A database that exists
 * stays where it is, and its owner runs it, whatever became of the folders around it.
 *
 * @param dataDir the data folder, an absolute path
 */
export async function findPlace(dataDir: string): Promise<Place> {
  const programs = await installedPrograms()
  const cluster = join(dataDir, 'postgres')
  if (process.getuid?.() !== 0) return { programs, cluster }
  const reachable = (await isOpen(programs)) ? programs : await copyPrograms(programs, sharedFolder)
  const id = createHash('sha256').update(dataDir).digest('hex').slice(0, 16)
  const elsewhere = join(sharedFolder, id, 'postgres')
  for (const known of [cluster, elsewhere]) {
    if (await isInitialised(known)) return { programs: reachable, cluster: known, user: await ownerOf(known) }
  }
  const isReachable = await isOpen(dataDir)
  return { programs: reachable, cluster: isReachable ? cluster : elsewhere, user: lentUser() }
}

async function ownerOf(folder: string): Promise<{ uid: number; gid: number }> {
  const { uid, gid } = await stat(folder)
  return { uid, gid }
}

/** The user that root runs the server as: PostgreSQL's own where there is one, else the one for nobody. */
function lentUser(): { uid: number; gid: number } {
  for (const name of ['postgres', 'nobody']) {
    try {
      const id = (flag: string) =>
        Number(execFileSync('id', [flag, name], { stdio: ['ignore', 'pipe', 'ignore'] }))
      return { uid: id('-u'), gid: id('-g') }
    } catch {
      // no such user: the next one
    }
  }
  throw new IpbridgeError(
    'invalid_configuration',
    'PostgreSQL does not run as root, and this system has neither a user postgres nor a user nobody to run it as; start ipbridge as an ordinary user',
  )
}

/** Whether everybody may pass through all folders down to this one. */
async function isOpen(folder: string): Promise<boolean> {
  for (let path = folder; ; path = dirname(path)) {
    const found = await stat(path).catch(() => undefined)
    if (found && (found.mode & 0o005) !== 0o005) return false
    if (path === dirname(path)) return true
  }
}
