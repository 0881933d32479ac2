import { X509Certificate } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  type CertificateOptions,
  createCertificate,
} from '../../../src/simulators/coremanager/certificate.ts'
import { bill, post, startIpmanager } from '../../helpers/ipmanager.ts'

/** Starts a panel with such a certificate and asks it once. */
async function reach(options: CertificateOptions, client: { ca?: string; servername?: string } = {}) {
  const tls = createCertificate(options)
  const panel = await startIpmanager({ tls })
  try {
    const { body } = await post(
      panel.url,
      { authinfo: bill, func: 'ip', out: 'text' },
      { ca: tls.cert, ...client },
    )
    return body
  } finally {
    await panel.stop()
  }
}

describe('A certificate that the simulator makes', () => {
  it('says what it was asked to say, by the reading of Node itself', () => {
    const certificate = new X509Certificate(
      createCertificate({
        names: ['panel.example', '192.0.2.5', '2001:db8::5'],
        validFrom: new Date('2020-01-02T03:04:05Z'),
        validTo: new Date('2060-05-06T07:08:09Z'),
      }).cert,
    )
    expect(certificate.subject).toBe('CN=panel.example')
    expect(certificate.subjectAltName).toBe(
      'DNS:panel.example, IP Address:192.0.2.5, IP Address:2001:DB8:0:0:0:0:0:5',
    )
    expect(certificate.validFrom).toBe('Jan  2 03:04:05 2020 GMT')
    expect(certificate.validTo).toBe('May  6 07:08:09 2060 GMT')
    expect(certificate.ca).toBe(false)
    expect(certificate.verify(certificate.publicKey)).toBe(true)
  })

  it('is accepted by whoever trusts it', async () => {
    expect(await reach({})).toBe('')
  })

  it('is accepted by whoever trusts the authority that signed it', async () => {
    const issuer = createCertificate({ names: ['The Authority'], authority: true })
    expect(new X509Certificate(issuer.cert).ca).toBe(true)
    expect(await reach({ issuer }, { ca: issuer.cert })).toBe('')
  })

  it('is refused by whoever does not know it', async () => {
    await expect(reach({}, { ca: createCertificate().cert })).rejects.toMatchObject({
      code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
    })
  })

  it('is refused once it has expired', async () => {
    const expired = { validFrom: new Date('2020-01-01'), validTo: new Date('2021-01-01') }
    await expect(reach(expired)).rejects.toMatchObject({ code: 'CERT_HAS_EXPIRED' })
  })

  it('is refused before its time', async () => {
    await expect(
      reach({ validFrom: new Date('2090-01-01'), validTo: new Date('2091-01-01') }),
    ).rejects.toMatchObject({
      code: 'CERT_NOT_YET_VALID',
    })
  })

  it('is refused under another name', async () => {
    await expect(reach({ names: ['other.example'] })).rejects.toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    })
  })
})
