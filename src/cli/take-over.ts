import type { ImportCounts } from '../desk/imports.ts'
import type { ImportedService } from '../domain/import.ts'
import { exitCodes } from './failure.ts'
import { say, sayJson, shown } from './output.ts'
import { showProgress } from './progress.ts'
import type { Session } from './session.ts'

export interface TakeOverFlags {
  apply?: true
  json?: true
}

/** Another system's services. */
export interface Source {
  /** How much there is to read: bytes, or services; undefined where the end cannot be known. */
  total: number | undefined
  /** How much of that has been read. */
  read(): number
  /** @param leaveOut hears of what cannot be used */
  services(leaveOut: (left: { where: string; message: string }) => void): AsyncIterable<ImportedService>
}

/** Something that is not taken over, and why. */
interface NotTaken {
  where: string
  service: string | null
  address: string | null
  message: string
}

/**
 * Takes over services from another system, or says what that would do. Everything that is not taken over is told
 * of: then the exit code is 3.
 */
export async function takeOver(
  { app, actor, signal }: Session,
  source: Source,
  { apply = false, json = false }: { apply?: boolean; json?: boolean },
): Promise<void> {
  const progress = showProgress('services', source.total)
  const items: NotTaken[] = []
  let leftOut = 0
  let counts: ImportCounts = { services: 0, newServices: 0, newAddresses: 0, unchanged: 0, conflicts: 0 }

  function tell(item: NotTaken): void {
    if (json) items.push(item)
    else
      progress.note(
        shown(`${item.where}: ${item.service === null ? '' : `${item.service}: `}${item.message}`),
      )
  }

  const services = source.services(({ where, message }) => {
    leftOut += 1
    tell({ where, service: null, address: null, message })
  })
  try {
    await app.desk.imports.run(actor, services, {
      dryRun: !apply,
      signal,
      onConflict: tell,
      onProgress(sofar) {
        counts = sofar
        progress.update(source.read(), sofar.services)
      },
    })
  } finally {
    progress.stop()
    if (json) sayJson({ applied: apply, ...counts, leftOut, items })
    else report(apply, { ...counts, leftOut })
  }
  if (counts.conflicts + leftOut > 0) process.exitCode = exitCodes.differences
}

function report(applied: boolean, counts: ImportCounts & { leftOut: number }): void {
  const { services, newServices, newAddresses, unchanged, conflicts, leftOut } = counts
  const news = `new: ${newServices} with ${newAddresses} addresses`
  say(
    `services: ${services}, ${news}, unchanged: ${unchanged}, conflicts: ${conflicts}, left out: ${leftOut}`,
  )
  if (!applied) say('a dry run: nothing was written; --apply does it')
}
