import type { PanelService } from '../driver.ts'

// The notes of a guest (`description`), where everybody may write: one line says for which service it was made.

const done = 'ipbridge-service'
const begun = 'ipbridge-unfinished'

const form = new RegExp(`^(${done}|${begun}): ((?:[^%\\s]|%[0-9A-F]{2})+)$`, 'm')

/** The service that a guest was made for, by its notes. */
export function serviceIn(notes: string): string | undefined {
  const id = form.exec(notes)?.[2]
  try {
    return id === undefined ? undefined : decodeURIComponent(id)
  } catch {
    return undefined
  }
}

/** Whether a guest is there, but not yet as it was ordered. */
export function isUnfinished(notes: string): boolean {
  return form.exec(notes)?.[1] === begun
}

/** The notes of a guest that is made for a service, after what billing wants to stand there. */
export function notesFor(
  { id }: PanelService,
  text: string | undefined,
  { unfinished = false }: { unfinished?: boolean } = {},
): string {
  const mark = `${unfinished ? begun : done}: ${encodeURIComponent(id)}`
  return text === undefined ? mark : `${text}\n\n${mark}`
}
