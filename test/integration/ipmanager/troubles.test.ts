import { X509Certificate } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { admin } from '../../helpers/api.ts'
import { queueMissing } from '../../helpers/app.ts'
import { authority, certificates } from '../../helpers/certificates.ts'
import { events } from '../../helpers/events.ts'
import { billAccounts, type Ipmanager, startIpmanager } from '../../helpers/ipmanager.ts'
import { type PanelApp, startPanelApp } from '../../helpers/ipmanager-app.ts'
import { until } from '../../helpers/until.ts'

describe.skipIf(queueMissing)('A connection to IPmanager that does not work', () => {
  let bed: PanelApp
  let expired: Ipmanager
  let selfSigned: Ipmanager
  let website: Server
  const urls: Record<string, string> = {}

  beforeAll(async () => {
    bed = await startPanelApp()
    expired = await startIpmanager({ tls: certificates.expired })
    selfSigned = await startIpmanager({ tls: certificates.selfSigned })
    website = createServer((_, response) => response.end('<!DOCTYPE html><html><body>Welcome</body></html>'))
    await new Promise<void>(resolve => website.listen(0, '127.0.0.1', resolve))
    Object.assign(urls, {
      panel: bed.panel.url,
      expired: expired.url,
      'self-signed': selfSigned.url,
      nobody: 'http://127.0.0.1:9/ipmgr',
      website: `http://127.0.0.1:${(website.address() as AddressInfo).port}/`,
      'other path': bed.panel.url.replace('/ipmgr', '/vmmgr'),
    })
  })
  afterAll(async () => {
    website.close()
    await Promise.all([expired.stop(), selfSigned.stop()])
    await bed.shutDown()
  })

  let count = 0
  /** A connection, a server on it, and a service that wants an address from there. */
  async function tryOut(connection: Record<string, unknown>) {
    const { desk, intake } = bed.app
    const name = `trouble-${++count}`
    await desk.connections.add(admin, { name, driver: 'ipmanager', ...billAccounts, ...connection } as never)
    await desk.servers.add(admin, { name, panel: 'none', connection: name })
    const check = await desk.connections.test(name, AbortSignal.timeout(10_000))
    const [receipt] = await intake.accept([events.created({ id: name, server: name })], 'http')
    const id = receipt?.operations[0] ?? ''
    const operation = await until('it was tried', async () => {
      const shown = await desk.operations.show(id)
      return shown.error && shown.state !== 'running' ? shown : undefined
    })
    const shown = await until('it is shown', async () => {
      const row = await desk.connections.show(name)
      return row.problem ? row : undefined
    })
    return { name, id, check, operation, problem: shown.problem }
  }

  const never = [
    {
      trouble: 'a wrong password',
      connection: { url: 'panel', password: 'not-the-password' },
      code: 'bad_credentials',
      words: /does not accept the login bill and its password/,
    },
    {
      trouble: 'an expired certificate',
      connection: { url: 'expired', tls: { ca: authority } },
      code: 'certificate_expired',
      words: /its certificate expired on .* renew it there, or pin it/,
    },
    {
      trouble: 'a certificate that nobody vouches for',
      connection: { url: 'self-signed' },
      code: 'certificate_untrusted',
      words: /it is self-signed; give its authority in tls.ca, or check .* and set tls.fingerprint/,
    },
    {
      trouble: 'another path of the same server',
      connection: { url: 'other path' },
      code: 'wrong_panel',
      words: /is not IPmanager 5; check the URL/,
    },
  ]

  it.each(never)(
    'because of $trouble says so in the test, on the operation and on itself, and is not tried again',
    async ({ connection, code, words }) => {
      const { check, operation, problem } = await tryOut({ ...connection, url: urls[connection.url] })
      expect(check.ok).toBe(false)
      expect(check.remarks.join('\n')).toMatch(words)
      expect(operation).toMatchObject({ state: 'failed', attempts: 1, error: { code } })
      expect(operation.error?.message).toMatch(words)
      expect(problem).toMatchObject({ code, since: expect.any(String) })
      expect(problem?.message).toMatch(words)
      expect(JSON.stringify([check, operation, problem])).not.toContain('not-the-password')
    },
  )

  it('because a panel of another kind answers there says so, and is not tried again', async () => {
    const id = bed.panel.faults.add({ what: 'other-panel', mgr: 'vmmgr' })
    const { check, operation, problem } = await tryOut({ url: urls['panel'] }).finally(() =>
      bed.panel.faults.remove(id),
    )
    const words = /(at this URL is \/vmmgr, not|has no function ip: is it) IPmanager 5/
    expect(check.remarks.join('\n')).toMatch(words)
    expect(operation).toMatchObject({ state: 'failed', attempts: 1, error: { code: 'wrong_panel' } })
    expect(problem?.message).toMatch(words)
  })

  it.each([
    ['nothing listens there', 'nobody', /nothing listens there \(connection refused\)/],
    ['a web site answers there', 'website', /it answered with a web page/],
  ])('because %s says so everywhere, and is tried again', async (_, url, words) => {
    const { check, operation, problem } = await tryOut({ url: urls[url] })
    expect(check).toMatchObject({ ok: false })
    expect(check.remarks.join('\n')).toMatch(words)
    expect(operation).toMatchObject({ state: 'queued', endedAt: null, error: { code: 'ipam_unavailable' } })
    expect(operation.error?.message).toMatch(words)
    expect(problem?.message).toMatch(words)
  })

  it('works by itself once the panel is back, and shows no problem any more', async () => {
    const { name, id } = await tryOut({ url: urls['nobody'] })
    await bed.app.desk.connections.change(admin, name, { url: urls['panel'] ?? '' })
    const { desk } = bed.app
    await until('it has its address', async () => (await desk.operations.show(id)).state === 'done', 30_000)
    await until('its problem is over', async () => (await desk.connections.show(name)).problem === null)
  })

  it('goes on after a retry once the password is right, and after the certificate was pinned', async () => {
    const { desk } = bed.app
    const wrong = await tryOut({ url: urls['panel'], password: 'not-the-password' })
    await desk.connections.change(admin, wrong.name, { password: 'bill-password' })
    const strange = await tryOut({ url: urls['self-signed'] })
    const { fingerprint256 } = new X509Certificate(certificates.selfSigned.cert)
    await desk.connections.change(admin, strange.name, { tls: { fingerprint: fingerprint256 } })
    for (const { id } of [wrong, strange]) {
      await desk.operations.retry(admin, id)
      await until('it has its address', async () => {
        const { state } = await desk.operations.show(id)
        if (state === 'failed') await desk.operations.retry(admin, id)
        return state === 'done'
      })
    }
  })

  it('is not entered at all where its settings make no sense', async () => {
    const input = { name: 'nonsense', driver: 'ipmanager', url: urls['panel'], login: 'bill', password: 'x' }
    const options = { groups: ['public'], pageSize: 1, grups: [] }
    await expect(bed.app.desk.connections.add(admin, { ...input, options } as never)).rejects.toMatchObject({
      code: 'invalid_request',
      faults: [{ pointer: '/options/pageSize' }, { pointer: '/options/grups' }],
    })
    await bed.app.desk.connections.add(admin, input as never)
    const worse = { options: { marker: 'tattoo' } }
    await expect(bed.app.desk.connections.change(admin, 'nonsense', worse)).rejects.toMatchObject({
      faults: [{ pointer: '/options/marker', message: 'must be "note" or "ptr", not "tattoo"' }],
    })
  })

  it('with verification switched off is told of wherever it is shown, and in the audit', async () => {
    const { desk, db } = bed.app
    const input = {
      name: 'blind',
      driver: 'ipmanager',
      url: selfSigned.url,
      login: 'bill',
      password: 'bill-password',
    }
    const added = await desk.connections.add(admin, { ...input, tls: { verify: false } } as never, 'testing')
    expect(added.warnings).toEqual([expect.stringContaining('the certificate is not verified')])
    expect((await desk.connections.test('blind', AbortSignal.timeout(10_000))).remarks[0]).toContain(
      'WARNING',
    )
    const entry = await db.auditEntry.findFirstOrThrow({ where: { subject: 'connection:blind' } })
    expect(entry).toMatchObject({
      action: 'connection.add',
      reason: 'testing',
      change: { tls: { verify: false } },
    })
  })
})
