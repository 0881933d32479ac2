import { generateKeyPairSync, type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { parseKey } from './addresses.ts'
import { bits, boolean, explicit, implicit, integer, octets, oid, sequence, set, text, time } from './der.ts'

export interface CertificateOptions {
  /** Host names and addresses that it is good for. Default: localhost and 127.0.0.1. */
  names?: readonly string[]
  /** Default: an hour ago. */
  validFrom?: Date
  /** Default: a year from now. */
  validTo?: Date
  /** Who signs it. Default: itself, as panels come. */
  issuer?: Certificate
  /** Whether others may be signed with it. */
  authority?: boolean
}

export interface Certificate {
  /** PEM. */
  cert: string
  /** PEM. */
  key: string
  /** SHA-256 of the certificate, as `AB:CD:…`: what a connection may be pinned to. */
  fingerprint: string
}

const signedWith = sequence(oid('1.2.840.10045.4.3.2')) // ecdsa-with-SHA256
const hour = 3_600_000

/** Makes a certificate and its key (X.509 version 3, RFC 5280; elliptic curve P-256). */
export function createCertificate(options: CertificateOptions = {}): Certificate {
  const { names = ['localhost', '127.0.0.1'], issuer, authority = false } = options
  const { validFrom = new Date(Date.now() - hour), validTo = new Date(Date.now() + 365 * 24 * hour) } =
    options
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const subject = nameOf(names[0] ?? 'localhost')
  const body = sequence(
    explicit(0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    signedWith,
    issuer ? subjectOf(issuer) : subject,
    sequence(time(validFrom), time(validTo)),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    explicit(3, sequence(basicConstraints(authority), subjectAltName(names))),
  )
  const signature = sign('sha256', body, issuer ? issuer.key : pem(privateKey))
  const cert = armour(sequence(body, signedWith, bits(signature)))
  return { cert, key: pem(privateKey), fingerprint: new X509Certificate(cert).fingerprint256 }
}

const pem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString()

const nameOf = (commonName: string): Buffer => sequence(set(sequence(oid('2.5.4.3'), text(commonName))))

function subjectOf({ cert }: Certificate): Buffer {
  return nameOf(new X509Certificate(cert).subject.replace(/^CN=/, ''))
}

function basicConstraints(authority: boolean): Buffer {
  const value = authority ? sequence(boolean(true)) : sequence()
  return sequence(oid('2.5.29.19'), boolean(true), octets(value))
}

function subjectAltName(names: readonly string[]): Buffer {
  const entries = names.map(name =>
    isIP(name) ? implicit(7, addressBytes(name)) : implicit(2, Buffer.from(name, 'ascii')),
  )
  return sequence(oid('2.5.29.17'), octets(sequence(...entries)))
}

function addressBytes(ip: string): Buffer {
  const size = isIP(ip) === 4 ? 4 : 16
  const value = (parseKey(ip) ?? 0n) - (size === 16 ? 1n << 32n : 0n)
  return Buffer.from(value.toString(16).padStart(size * 2, '0'), 'hex')
}

function armour(bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}
