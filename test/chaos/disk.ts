import { execFile } from 'node:child_process'
import { mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export type SmallDisk = Awaited<ReturnType<typeof mountSmallDisk>>

/**
 * Puts a small file system of its own (in memory) where a folder is.
 * @returns undefined where this machine does not let us, and why
 */
export async function mountSmallDisk(folder: string, megabytes: number) {
  await mkdir(folder, { recursive: true })
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0755`, 'ipbridge-chaos', folder])
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string }
    return { missing: (stderr || message).trim().split('\n')[0] ?? '' }
  }
  const ballast = join(folder, 'ballast')

  return {
    megabytes,

    /** Leaves no space to anybody. */
    async fill(): Promise<void> {
      const file = await open(ballast, 'w')
      try {
        // Down to single pages: what is smaller than a block of PostgreSQL is of no use to it.
        for (const size of [16 << 20, 64 << 10, 4 << 10]) {
          const block = Buffer.alloc(size, 1)
          while (await isWritten(file.write(block)));
        }
      } finally {
        await file.close()
      }
    },

    free: () => rm(ballast, { force: true }),

    async unmount(): Promise<void> {
      // Somebody may still look into it: then it goes when he has left.
      await run('umount', ['-l', folder])
    },
  }
}

/** @returns whether there was space */
async function isWritten(writing: Promise<unknown>): Promise<boolean> {
  try {
    await writing
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false
    throw error
  }
}
