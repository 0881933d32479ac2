import { X509Certificate } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { failureOf } from '../../contract/failures.ts'
import { signal, wanted } from '../../contract/ipam-subject.ts'
import { authority, certificates } from '../../helpers/certificates.ts'
import { type Ipmanager, startIpmanager } from '../../helpers/ipmanager.ts'
import { driverFor } from '../../helpers/ipmanager-driver.ts'

let panel: Ipmanager
beforeEach(async () => {
  panel = await startIpmanager()
})
afterEach(() => panel.stop())

const check = async (given: Parameters<typeof driverFor>[1] = {}) => {
  const { remarks, ...rest } = await driverFor(panel.url, given).check(signal)
  return { ...rest, text: remarks.join('\n') }
}

describe('"Test connection"', () => {
  it('tells the version, and what is used, waits and is free in each group', async () => {
    const driver = driverFor(panel.url)
    for (let n = 0; n < 3; n++) await driver.request(wanted(), signal)
    panel.drift.grant('203.0.113.77', { owner: 'other', iptype: 'public' })
    panel.drift.grant('203.0.113.78', { owner: '', iptype: 'public', status: 'blocked' })
    const { ok, version, pools } = await driver.check(signal)
    expect({ ok, version }).toEqual({ ok: true, version: '5.210.0' })
    expect(pools).toEqual([
      { name: 'public IPv4', total: '256', used: 4, quarantined: 1, free: '251' },
      { name: 'alias', total: '128', used: 0, quarantined: 0, free: '128' },
      { name: 'public IPv6', total: `${1n << 64n}`, used: 0, quarantined: 0, free: `${1n << 64n}` },
    ])
  })

  it('tells which of the inferred names the panel confirms', async () => {
    const { text } = await check()
    expect(text).toContain(
      'confirms the names of ip (ip), family (family), group (iptype), ptr (domain), note (note)',
    )
    expect(text).toContain('options.names.reply) is seen with the first one')
    const driver = driverFor(panel.url)
    await driver.request(wanted(), signal)
    const after = (await driver.check(signal)).remarks.join('\n')
    expect(after).toContain('Its reply named the latest granted address in ip.')
    expect(after).toContain('Its list names addresses ip and their owners owner.')
    expect(after).toContain('Its filter finds our markers.')
  })

  it('tells which names it does not confirm, and what there is instead', async () => {
    panel.panel.behave({ wire: { ...panel.panel.behaviour().wire, domain: 'ptrname' } })
    const { text } = await check()
    expect(text).toMatch(/does not show ptr \(domain\); its fields are .*ptrname/)
  })

  it('tells what to do about a panel that keeps no notes', async () => {
    panel.panel.behave({ notes: false })
    expect((await check()).text).toContain('set options.marker to ptr')
    expect((await check({ options: { marker: 'ptr' } })).text).not.toContain('has no field note')
  })

  it('tells the rights of both accounts where nothing is wrong with them', async () => {
    const { ok, text } = await check()
    expect(ok).toBe(true)
    expect(text).toContain('The login bill is accepted (level 16).')
    expect(text).toContain(
      'The adminlogin bill_admin is accepted (level 29): it may list the addresses of all.',
    )
    expect(text).toContain('The user bill may take addresses from: public, alias.')
  })

  it('tells of a user that has no rights, and where to give them', async () => {
    panel.users.put({ name: 'bill', password: 'bill-password' })
    const { ok, text } = await check()
    expect(ok).toBe(false)
    expect(text).toContain(
      'The user bill has no range and no group to take addresses from. In IPmanager, open Users',
    )
  })

  it('tells of a group that the user may not take from', async () => {
    const { ok, text } = await check({ options: { groups: ['public', 'vlan7'] } })
    expect(ok).toBe(false)
    expect(text).toContain('The user bill may not take from group vlan7, only from public, alias.')
  })

  it('tells of accounts with the wrong rights', async () => {
    const swapped = await check({ login: 'bill_admin', password: 'admin-password' })
    expect(swapped.text).toContain('The login bill_admin is an administrator (level 29)')
    const plain = await check({ adminLogin: 'bill', adminPassword: 'bill-password' })
    expect(plain.ok).toBe(false)
    expect(plain.text).toContain('The adminlogin bill is no administrator (level 16)')
    const none = await check({ adminLogin: undefined, adminPassword: undefined })
    expect(none.ok).toBe(true)
    expect(none.text).toContain('No adminlogin is set')
    const wrong = await check({ adminPassword: 'wrong-password' })
    expect(wrong.ok).toBe(false)
    expect(wrong.text).toMatch(/does not accept the login bill_admin/)
  })

  it('warns loudly where anybody could listen', async () => {
    expect((await check()).text).toContain('WARNING: passwords go over the network in clear text')
    const secure = await startIpmanager({ tls: certificates.selfSigned })
    const { remarks } = await driverFor(secure.url, { tls: { verify: false } }).check(signal)
    await secure.stop()
    expect(remarks[0]).toContain('WARNING: the certificate is not verified')
  })
})

describe('The certificate of the panel', () => {
  const grant = async (cert: { cert: string; key: string }, tls: Record<string, unknown>) => {
    const secure = await startIpmanager({ tls: cert })
    try {
      return await driverFor(secure.url, { tls }).request(wanted(), signal)
    } finally {
      await secure.stop()
    }
  }
  it('is accepted where its authority is given, where it is pinned, or where nobody looks', async () => {
    expect(await grant(certificates.good, { ca: authority })).toHaveProperty('address')
    const pin = new X509Certificate(certificates.selfSigned.cert).fingerprint256
    expect(await grant(certificates.selfSigned, { fingerprint: pin })).toHaveProperty('address')
    expect(await grant(certificates.selfSigned, { verify: false })).toHaveProperty('address')
  })

  it('is refused for good otherwise, and the message says what to do', async () => {
    const untrusted = await failureOf(grant(certificates.selfSigned, {}))
    expect(untrusted).toMatchObject({ code: 'certificate_untrusted', retry: 'never' })
    expect(untrusted.message).toContain('set tls.fingerprint')
    expect(await failureOf(grant(certificates.expired, { ca: authority }))).toMatchObject({
      code: 'certificate_expired',
      retry: 'never',
    })
  })
})

describe('Settings that the driver cannot work with', () => {
  it.each([
    [{ url: undefined as unknown as string }, 'url'],
    [{ password: undefined }, 'password is missing'],
    [{ options: { signIn: 'cookie' } }, 'options.signIn must be "authinfo", "session" or "key"'],
    [{ options: { grups: ['x'] } }, 'options.grups is not a known field'],
    [{ options: { networks: [{ cidr: '10.0.0.1' }] } }, 'options.networks.0.cidr must be a network'],
    [{ tls: { fingerprint: 'abc' } }, 'tls.fingerprint must be a SHA-256 fingerprint'],
    [{ tls: { ca: 'x' } }, 'tls.ca must be one or more certificates'],
    [{ options: { signIn: 'key' }, adminLogin: undefined }, 'options.signIn key needs adminlogin'],
  ])('are named (%j)', (given, words) => {
    expect(() => driverFor('http://127.0.0.1:9', given)).toThrow(words)
  })
})
