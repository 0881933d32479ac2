import { X509Certificate } from 'node:crypto'
import { createCertificate } from '../coremanager/certificate.ts'
import type { Behaviour } from './behaviour.ts'
import { type Ipmanager, startIpmanager } from './start.ts'
import { BadStateFile, createStateFile, readStateFile } from './state-file.ts'

export interface RunOptions {
  host: string
  port: number
  /** Where the state is kept, from one run to the next. */
  file: string | undefined
  /** Certificate and key as PEM; `own` makes one (or takes the one of the last run); `none` is plain HTTP. */
  tls: { cert: string; key: string } | 'own' | 'none'
  behaviour: Partial<Behaviour>
}

export interface RunningIpmanager extends Ipmanager {
  /** SHA-256 of the certificate, as a connection may be pinned to it. */
  fingerprint: string | undefined
}

/**
 * Starts an IPmanager as a program of its own does: with a certificate and a file.
 * @throws BadStateFile, and what the socket throws
 */
export async function runIpmanager({ host, port, file: path, tls: choice, behaviour }: RunOptions) {
  const { tls: last, ...state } = path === undefined ? {} : await readStateFile(path)
  const own = () => last ?? createCertificate({ names: ['localhost', '127.0.0.1', '::1', host] })
  const tls = choice === 'none' ? undefined : choice === 'own' ? own() : choice
  let changed = () => {}
  const panel = await startIpmanager({
    host,
    port,
    state,
    behaviour,
    ...(tls && { tls }),
    onAnswered: () => changed(),
  })
  const stored = () => ({ ...panel.state(), ...(tls && { tls: { cert: tls.cert, key: tls.key } }) })
  const file = path === undefined ? undefined : createStateFile(path, stored)
  await file?.finish().catch(async (error: Error) => {
    await panel.stop()
    throw new BadStateFile(`${path} cannot be written: ${error.message}`)
  })
  changed = () => file?.touch()
  return {
    ...panel,
    fingerprint: tls && new X509Certificate(tls.cert).fingerprint256,
    async stop(): Promise<void> {
      await panel.stop()
      await file?.finish()
    },
  } satisfies RunningIpmanager
}
