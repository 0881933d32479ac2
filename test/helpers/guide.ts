import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { packageRoot } from '../../src/package-root.ts'

/** The commands of a guide's shell blocks, to be run by a test one after the other, none left out. */
export interface Guide {
  /** The next command, which must begin like this. */
  next(beginning: string): string
  /** What was not run. */
  left(): string[]
}

/** @param name the file's name in docs/guides */
export async function readGuide(name: string): Promise<Guide> {
  const text = await readFile(join(packageRoot, 'docs', 'guides', name), 'utf8')
  const blocks = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(match => match[1] ?? '')
  const commands = blocks.flatMap(block => block.split('\n').filter(line => line !== ''))
  return {
    next(beginning) {
      const command = commands.shift() ?? '(the end of the guide)'
      if (command.startsWith(beginning)) return command
      throw new Error(`the guide ${name} goes on with \`${command}\`, not with \`${beginning}\``)
    },
    left: () => commands,
  }
}
