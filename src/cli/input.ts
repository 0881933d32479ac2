import { open, readFile } from 'node:fs/promises'
import type { Readable } from 'node:stream'
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

/**
 * Opens a file of any length; `-` is standard input.
 * @returns what it holds, and how many bytes that are where it can be known
 * @throws WrongUse
 */
export async function openInput(file: string): Promise<{ stream: Readable; bytes: number | undefined }> {
  if (file === '-') return { stream: process.stdin, bytes: undefined }
  try {
    const handle = await open(file)
    const found = await handle.stat()
    if (found.isDirectory()) throw new WrongUse(`${file} is a folder`)
    return { stream: handle.createReadStream(), bytes: found.isFile() ? found.size : undefined }
  } catch (error) {
    if (error instanceof WrongUse) throw error
    throw new WrongUse(`${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? error}`)
  }
}
