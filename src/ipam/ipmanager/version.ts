import type { CoreManager } from '../../coremanager/client.ts'
import { descendants, textOf } from '../../coremanager/document.ts'
import { PanelFault } from '../../coremanager/fault.ts'
import type { Options } from './options.ts'

/** The version of the panel, where it has a function that tells it (inferred; none is documented). */
export async function versionOf(
  panel: CoreManager,
  { names }: Options,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const doc = await panel.read(names.version, {}, signal)
    for (const element of descendants(doc, 'version')) if (textOf(element)) return textOf(element)
    return undefined
  } catch (error) {
    if (error instanceof PanelFault) return undefined
    throw error
  }
}
