import { X509Certificate } from 'node:crypto'
import { z } from 'zod'

/** How a connection or a server is told whom to trust: the field `tls`. */
export const tlsSettings = z.strictObject({
  ca: z
    .string()
    .refine(isCertificate, 'must be one or more certificates in PEM (-----BEGIN CERTIFICATE-----)')
    .optional()
    .meta({ description: 'trusted instead of the public authorities' }),
  fingerprint: z
    .string()
    .transform(text =>
      text
        .replace(/^sha256[:=]/i, '')
        .replaceAll(':', '')
        .toUpperCase(),
    )
    .refine(text => /^[0-9A-F]{64}$/.test(text), 'must be a SHA-256 fingerprint: 64 hexadecimal digits')
    .optional()
    .meta({ description: 'the one certificate that is accepted, whoever signed it' }),
  verify: z.boolean().optional().meta({ description: 'false: anybody is believed. Never do this for long' }),
})

export type TlsSettings = z.output<typeof tlsSettings>

/** Whether anybody may pretend to be the other side. */
export function trustsAnybody(tls: TlsSettings): boolean {
  return tls.verify === false && tls.fingerprint === undefined
}

/** What OpenSSL and Node say of a certificate, and what it means for whoever runs this. */
const reasons: Record<string, string> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'its authority is not a public one',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its authority is not known here',
  UNABLE_TO_GET_ISSUER_CERT: 'its authority is not known here',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its authority is not known here',
  CERT_SIGNATURE_FAILURE: 'its signature is not that of the authority that it names',
  CERT_REVOKED: 'it was revoked',
  ERR_TLS_CERT_ALTNAME_INVALID: 'it is for another host name',
}

/** A certificate that was shown and not accepted. */
export interface Distrust {
  code: 'certificate_expired' | 'certificate_untrusted'
  /** What is wrong with it, and what to do. */
  why: string
}

/**
 * Judges the certificate that the other side showed.
 * @param shown its SHA-256 fingerprint in any spelling, and its dates as Node gives them
 * @param verdict what the TLS library found wrong with it; undefined: nothing
 * @returns undefined where it is to be trusted
 */
export function judge(
  tls: TlsSettings,
  shown: { fingerprint256?: string; valid_from?: string; valid_to?: string },
  verdict: string | undefined,
): Distrust | undefined {
  const fingerprint = shown.fingerprint256 ?? ''
  if (tls.fingerprint !== undefined) {
    if (fingerprint.replaceAll(':', '') === tls.fingerprint) return undefined
    const why = `its certificate is not the one that was pinned: it shows ${fingerprint || 'none'}; if it was renewed, check that on the server and change tls.fingerprint`
    return { code: 'certificate_untrusted', why }
  }
  if (verdict === undefined || tls.verify === false) return undefined
  if (verdict === 'CERT_HAS_EXPIRED') {
    const why = `its certificate expired on ${shown.valid_to ?? 'a day in the past'}; renew it there, or pin it (tls.fingerprint ${fingerprint})`
    return { code: 'certificate_expired', why }
  }
  if (verdict === 'CERT_NOT_YET_VALID') {
    const why = `its certificate is valid only from ${shown.valid_from ?? 'a day in the future'}; compare the clocks of both machines`
    return { code: 'certificate_expired', why }
  }
  const reason = reasons[verdict] ?? `it was refused (${verdict})`
  const why = `its certificate is not trusted: ${reason}; give its authority in tls.ca, or check on the server that its SHA-256 fingerprint is ${fingerprint} and set tls.fingerprint`
  return { code: 'certificate_untrusted', why }
}

function isCertificate(text: string): boolean {
  try {
    return new X509Certificate(text).fingerprint256 !== ''
  } catch {
    return false
  }
}
