import { X509Certificate } from 'node:crypto'
import { createServer as createHttp, type RequestListener } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { type AddressInfo, createServer as createPlain, type Server } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { freePort } from '../../src/db/embedded/free-port.ts'
import { asIpbridgeError, type IpbridgeError } from '../../src/errors.ts'
import { createHttpClient, type HttpOptions, type HttpRequest } from '../../src/http/client.ts'
import { tlsSettings } from '../../src/http/tls.ts'
import { authority, certificates } from '../helpers/certificates.ts'

const signal = new AbortController().signal
const password = 'canary-secret'
const looking: HttpRequest = { form: { authinfo: `bill:${password}` }, changes: false }
const changing: HttpRequest = { ...looking, changes: true }

const servers: Server[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) {
    if ('closeAllConnections' in server) (server as ReturnType<typeof createHttp>).closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  }
})

async function listen(server: Server): Promise<number> {
  servers.push(server)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

function clientOf(url: string, tls: unknown = {}, options: HttpOptions = {}) {
  const target = { url, tls: tlsSettings.parse(tls), whom: 'the panel', kind: 'IPmanager 5' }
  return createHttpClient({ ...target, side: 'ipam' }, options)
}

async function plain(listener: RequestListener, options?: HttpOptions) {
  return clientOf(`http://127.0.0.1:${await listen(createHttp(listener))}/ipmgr`, {}, options)
}

async function secure(pair: { cert: string; key: string }, tls: unknown) {
  const server = createHttps(pair, (_, response) => response.end('hello'))
  return clientOf(`https://127.0.0.1:${await listen(server)}/ipmgr`, tls)
}

async function failureOf(call: Promise<unknown>): Promise<IpbridgeError> {
  const error = await call.then(
    () => new Error('it should have failed'),
    (error: unknown) => error,
  )
  const failure = asIpbridgeError(error)
  // The failure of the library carries the whole request; ours must not bring it along.
  expect(JSON.stringify([failure.message, failure.stack, failure.cause ?? null])).not.toContain(password)
  return failure
}

describe('a request that is answered', () => {
  it('gives the text, and has sent the form in the body', async () => {
    const client = await plain(async (request, response) => {
      let body = ''
      for await (const part of request) body += part
      response.end(`${request.method} ${request.url} ${body}`)
    })
    const { text } = await client.send(looking, signal)
    expect(text).toBe(`POST /ipmgr authinfo=bill%3A${password}`)
  })

  it.each([
    [401, 'bad_credentials', 'never'],
    [403, 'access_denied', 'never'],
    [404, 'wrong_panel', 'never'],
    [400, 'ipam_refused', 'never'],
    [429, 'ipam_busy', 'later'],
    [502, 'ipam_unavailable', 'later'],
  ] as const)('with status %i is a failure of its own (%s)', async (status, code, retry) => {
    const client = await plain((_, response) => response.writeHead(status).end())
    expect(await failureOf(client.send(looking, signal))).toMatchObject({ code, retry, outcome: 'none' })
  })

  it('that is compressed, which nobody asked for, is text that says nothing', async () => {
    const client = await plain((_, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('{"doc":{}}')),
    )
    const { text } = await client.send(looking, signal)
    expect(text).toBeTypeOf('string')
    expect(text).not.toContain('doc')
  })

  it('with a problem of a proxy leaves open whether a change was made', async () => {
    const client = await plain((_, response) => response.writeHead(502).end())
    expect(await failureOf(client.send(changing, signal))).toMatchObject({
      code: 'outcome_unknown',
      outcome: 'unknown',
    })
  })

  it('says when to come back, in seconds or as a date', async () => {
    const times = ['7', new Date(Date.now() + 60_000).toUTCString(), 'nonsense']
    const client = await plain((_, response) =>
      response.writeHead(429, { 'retry-after': times.shift() ?? '' }).end(),
    )
    expect((await failureOf(client.send(looking, signal))).retryAfterMs).toBe(7_000)
    const { retryAfterMs } = await failureOf(client.send(looking, signal))
    expect(retryAfterMs).toBeGreaterThan(50_000)
    expect(retryAfterMs).toBeLessThanOrEqual(60_000)
    expect((await failureOf(client.send(looking, signal))).retryAfterMs).toBeUndefined()
  })

  it('with a redirect is not followed, and says where it leads', async () => {
    let asked = 0
    const other = await listen(createHttp((_, response) => response.end(`${asked++}`)))
    const to = `http://127.0.0.1:${other}/login?key=${password}`
    const client = await plain((_, response) => response.writeHead(302, { location: to }).end())
    const failure = await failureOf(client.send(looking, signal))
    expect(failure).toMatchObject({ code: 'wrong_panel', retry: 'never' })
    expect(failure.message).toContain(`to http://127.0.0.1:${other}/login;`)
    expect(asked).toBe(0)
  })

  it.each(['//evil.example/x', 'http://evil.example/x', String.raw`\\evil.example/x`])(
    'is never asked of another host, as the path %s would have it',
    async path => {
      const client = await plain((_, response) => response.end('here'))
      const failure = await failureOf(client.send({ ...looking, path }, signal))
      expect(failure.message).toMatch(/would have gone to http:\/\/evil\.example$/)
    },
  )

  it('is given up when it is too long', async () => {
    const client = await plain((_, response) => response.end('x'.repeat(300_000)), { maxBytes: 100_000 })
    const failure = await failureOf(client.send(looking, signal))
    expect(failure).toMatchObject({ code: 'ipam_unavailable', retry: 'later' })
    expect(failure.message).toContain('longer than 100000 bytes')
  })
})

describe('a request that is not answered', () => {
  it('may have taken effect once it was sent', async () => {
    const client = await plain(request => request.socket.destroy())
    expect(await failureOf(client.send(changing, signal))).toMatchObject({
      code: 'outcome_unknown',
      retry: 'later',
      outcome: 'unknown',
    })
    expect(await failureOf(client.send(looking, signal))).toMatchObject({
      code: 'ipam_unavailable',
      outcome: 'none',
    })
  })

  it('may have taken effect when the answer breaks off', async () => {
    const client = await plain((request, response) => {
      response.writeHead(200, { 'content-length': '1000' }).write('half')
      setImmediate(() => request.socket.destroy())
    })
    expect(await failureOf(client.send(changing, signal))).toMatchObject({ outcome: 'unknown' })
  })

  it('is given up after a while', async () => {
    const client = await plain(() => {}, { responseMs: 50 })
    const failure = await failureOf(client.send(changing, signal))
    expect(failure).toMatchObject({ code: 'outcome_unknown', outcome: 'unknown' })
    expect(failure.message).toContain('did not answer in time')
  })

  it('ends with the reason of whoever called it off', async () => {
    const abort = new AbortController()
    const client = await plain(() => abort.abort(new Error('no longer wanted')))
    await expect(client.send(changing, abort.signal)).rejects.toThrow('no longer wanted')
    await expect(client.send(changing, abort.signal)).rejects.toThrow('no longer wanted')
  })

  it('has done nothing where nobody listens', async () => {
    const client = clientOf(`http://127.0.0.1:${await freePort()}/ipmgr`)
    const failure = await failureOf(client.send(changing, signal))
    expect(failure).toMatchObject({ code: 'ipam_unavailable', retry: 'later', outcome: 'none' })
    expect(failure.message).toContain('nothing listens there')
  })

  it('has done nothing where the host does not exist', async () => {
    const client = clientOf('https://ipmanager.invalid:1500/ipmgr')
    const failure = await failureOf(client.send(changing, signal))
    // Without any name server, even that is not known for sure.
    expect(['host_not_found', 'ipam_unavailable']).toContain(failure.code)
    expect(failure).toMatchObject({ retry: 'later', outcome: 'none' })
  })

  it('has done nothing where the connection is never accepted', async () => {
    const silent = await listen(createPlain(socket => socket.resume()))
    const client = clientOf(`https://127.0.0.1:${silent}/ipmgr`, {}, { connectMs: 50 })
    const failure = await failureOf(client.send(changing, signal))
    expect(failure).toMatchObject({ code: 'ipam_unavailable', outcome: 'none' })
    expect(failure.message).toContain('does not answer when we connect')
  })

  it('has done nothing where no TLS is spoken', async () => {
    const port = await listen(createHttp((_, response) => response.end()))
    const failure = await failureOf(clientOf(`https://127.0.0.1:${port}/ipmgr`).send(changing, signal))
    expect(failure).toMatchObject({ code: 'wrong_panel', retry: 'never', outcome: 'none' })
  })
})

describe('a certificate', () => {
  const { good, expired, elsewhere, selfSigned } = certificates
  const fingerprintOf = ({ cert }: { cert: string }) => new X509Certificate(cert).fingerprint256

  it.each([
    ['signed by the authority that is trusted', good, { ca: authority }],
    ['that was pinned, though it signed itself', selfSigned, { fingerprint: fingerprintOf(selfSigned) }],
    [
      'that was pinned in another spelling',
      selfSigned,
      {
        fingerprint: `SHA256:${fingerprintOf(selfSigned).replaceAll(':', '').toLowerCase()}`,
      },
    ],
    ['that was pinned, though it expired', expired, { fingerprint: fingerprintOf(expired) }],
    ['that nobody looks at', selfSigned, { verify: false }],
  ])('%s is accepted', async (_, pair, tls) => {
    expect((await (await secure(pair, tls)).send(looking, signal)).text).toBe('hello')
  })

  it.each([
    ['that expired', expired, { ca: authority }, 'certificate_expired', 'expired on Jan  1'],
    ['that signed itself', selfSigned, {}, 'certificate_untrusted', 'self-signed'],
    ['of an unknown authority', good, {}, 'certificate_untrusted', 'authority is not'],
    ['for another host', elsewhere, { ca: authority }, 'certificate_untrusted', 'another host name'],
    [
      'other than the pinned one',
      good,
      { fingerprint: fingerprintOf(selfSigned) },
      'certificate_untrusted',
      'not the one that was pinned',
    ],
    [
      'other than the pinned one, with verification off',
      good,
      { fingerprint: fingerprintOf(selfSigned), verify: false },
      'certificate_untrusted',
      'not the one that was pinned',
    ],
  ] as const)('%s is refused before anything is sent', async (_, pair, tls, code, words) => {
    const failure = await failureOf((await secure(pair, tls)).send(changing, signal))
    expect(failure).toMatchObject({ code, retry: 'never', outcome: 'none' })
    expect(failure.message).toContain(words)
    expect(failure.message).toContain(fingerprintOf(pair))
  })
})
