import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { WrongUse } from './failure.ts'

/** All of standard input, as text. */
export function readStandardInput(): Promise<string> {
  return text(process.stdin)
}

/** Reads a JSON object from a file; `-` is standard input. @throws WrongUse */
export async function readJsonFile(file: string): Promise<Record<string, unknown>> {
  const content = file === '-' ? await readStandardInput() : await readText(file)
  let value: unknown
  try {
    value = JSON.parse(content)
  } catch (error) {
    throw new WrongUse(`${file} is not JSON: ${(error as Error).message}`)
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  throw new WrongUse(`${file} must hold one JSON object with the fields`)
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new WrongUse(`${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? error}`)
  }
}
