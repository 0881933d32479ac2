import { say, sayJson } from './output.ts'
import { aborted, listenForStop } from './signals.ts'

/** A simulator that runs. */
export interface Simulated {
  url: string
  controlUrl: string
  stop(): Promise<void>
}

/** Where a simulator is, and how its certificate is told; undefined: it has none. */
export interface Whereabouts {
  url: string
  controlUrl: string
  fingerprint: string | undefined
}

/**
 * Starts a simulator, says where it is, and lets it run until the process is told to stop.
 * @param welcome what people are told
 */
export async function keepRunning<P extends Simulated>(
  start: () => Promise<{ panel: P; fingerprint: string | undefined }>,
  json: boolean | undefined,
  welcome: (where: Whereabouts, panel: P) => string,
): Promise<void> {
  const stop = listenForStop()
  const { panel, fingerprint } = await start()
  const { url, controlUrl } = panel
  if (json) sayJson({ url, controlUrl, fingerprint: fingerprint ?? null })
  else say(welcome({ url, controlUrl, fingerprint }, panel))
  await aborted(stop.signal)
  await panel.stop()
  stop.stopListening()
}

/** What `connection add` and `server add` take to pin the certificate. */
export function pinning(fingerprint: string | undefined): string {
  return fingerprint === undefined ? '' : ` \\\n    --tls '{"fingerprint":"${fingerprint}"}'`
}
