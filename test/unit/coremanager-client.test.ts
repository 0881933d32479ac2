import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { SignInMode } from '../../src/coremanager/account.ts'
import { createCoreManager, type Format } from '../../src/coremanager/client.ts'
import { fieldOf } from '../../src/coremanager/document.ts'
import { asIpbridgeError, type IpbridgeError } from '../../src/errors.ts'
import { createHttpClient } from '../../src/http/client.ts'

const signal = new AbortController().signal
const password = 'canary-secret'

type Answer = string | object
let close = async () => {}
afterEach(() => close())

/** A panel that answers as it is told, and remembers what it was asked. */
async function panel(answer: (params: URLSearchParams) => Answer | undefined) {
  const asked: URLSearchParams[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const part of request) body += part
    const params = new URLSearchParams(body)
    asked.push(params)
    const given = answer(params)
    if (given === undefined) request.socket.destroy()
    else response.end(typeof given === 'string' ? given : JSON.stringify({ doc: given }))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  close = async () => {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  }
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/ipmgr`
  const http = createHttpClient({ url, whom: 'the panel', kind: 'IPmanager 5', side: 'ipam' })
  const as = (
    mode: SignInMode = 'authinfo',
    format: Format = 'json',
    keyMaker?: ReturnType<typeof createCoreManager>,
  ) =>
    createCoreManager({
      http,
      manager: 'ipmgr',
      account: { login: 'bill', password },
      mode,
      format,
      ...(keyMaker ? { keyMaker } : {}),
    })
  return { asked, as, funcs: () => asked.map(params => params.get('func')) }
}

async function failureOf(call: Promise<unknown>): Promise<IpbridgeError> {
  const error = await call.then(
    () => new Error('it should have failed'),
    (error: unknown) => error,
  )
  expect(`${(error as Error).message}`).not.toContain(password)
  return asIpbridgeError(error)
}

const fault = (type: string, object: string, text = 'no') => ({
  error: { $type: type, $object: object, msg: { $: text } },
})

describe('signing in', () => {
  it('with authinfo puts login and password into the body of every call', async () => {
    const { asked, as } = await panel(() => ({ ok: {} }))
    await as().read('ip.edit', { elid: '192.0.2.1' }, signal)
    expect(Object.fromEntries(asked[0] ?? [])).toEqual({
      out: 'json',
      lang: 'en',
      func: 'ip.edit',
      elid: '192.0.2.1',
      authinfo: `bill:${password}`,
    })
  })

  it('with a session happens once for many calls, and again when it ended', async () => {
    let valid = ''
    const { as, funcs, asked } = await panel(params => {
      if (params.get('func') === 'auth') {
        valid = `s${asked.length}`
        return { auth: { $id: valid, $level: '16' } }
      }
      return params.get('auth') === valid ? { ip: { $: '192.0.2.1' } } : fault('auth', 'expired')
    })
    const user = as('session')
    await Promise.all([1, 2, 3].map(() => user.read('ip', {}, signal)))
    expect(funcs().sort()).toEqual(['auth', 'ip', 'ip', 'ip'])
    valid = 'another'
    expect(fieldOf(await user.read('ip', {}, signal), 'ip')).toBe('192.0.2.1')
    expect(funcs().filter(func => func === 'auth')).toHaveLength(2)
  })

  it('with a session that is never accepted stops after one renewal', async () => {
    const { as, funcs } = await panel(params =>
      params.get('func') === 'auth'
        ? { auth: { $id: 'sid-that-ends' } }
        : fault('auth', 'sid', 'sid-that-ends is old'),
    )
    const failure = await failureOf(as('session').read('ip', {}, signal))
    expect(failure).toMatchObject({ code: 'bad_credentials', retry: 'never' })
    expect(failure.message).not.toContain('sid-that-ends')
    expect(funcs()).toEqual(['auth', 'ip', 'auth', 'ip'])
  })

  it('with a key asks an administrator for it', async () => {
    let key = ''
    const { as, asked, funcs } = await panel(params => {
      if (params.get('func') === 'session.newkey') key = params.get('key') ?? ''
      if (params.get('func') !== 'auth') return { ok: {} }
      return params.get('key') === key && key.length >= 16 ? { auth: { $: 'sid' } } : fault('auth', 'badkey')
    })
    await as('key', 'json', as()).read('ip', {}, signal)
    expect(funcs()).toEqual(['session.newkey', 'auth', 'ip'])
    expect(asked[1]?.get('password')).toBeNull()
  })

  it('is not tried again at once after a refusal, so that the account is not locked', async () => {
    const { as, asked } = await panel(() => fault('auth', 'badpassword', `not ${password}!`))
    const user = as()
    for (let n = 0; n < 3; n++) {
      expect(await failureOf(user.read('ip', {}, signal))).toMatchObject({ code: 'bad_credentials' })
    }
    expect(asked).toHaveLength(1)
  })
})

describe('a change', () => {
  it('counts when it was confirmed', async () => {
    const { as } = await panel(() => '<doc><ip>192.0.2.1</ip><ok/></doc>')
    expect(fieldOf(await as().change('ip.edit', {}, signal), 'ip')).toBe('192.0.2.1')
  })

  it.each([
    ['neither confirmed nor refused', { ip: { $: '192.0.2.1' } }],
    ['answered with nothing', ''],
    ['answered with a web page', '<html>sorry</html>'],
    ['answered in part', '{"doc":{"ok":{}'],
    ['not answered', undefined],
    ['answered with a failure inside', { error: { $type: 'xml', $object: 'xpath', $report: 'yes' } }],
  ])('%s may have been made', async (_, answer) => {
    const { as, asked } = await panel(() => answer)
    expect(await failureOf(as().change('ip.edit', {}, signal))).toMatchObject({
      code: 'outcome_unknown',
      outcome: 'unknown',
      retry: 'later',
    })
    expect(asked).toHaveLength(1)
  })

  it.each([
    ['value', 'ipam_refused'],
    ['missed', 'ipam_refused'],
    ['exists', 'ipam_refused'],
    ['limit', 'ipam_refused'],
    ['license', 'ipam_refused'],
    ['access', 'access_denied'],
    ['auth', 'bad_credentials'],
  ])('refused with %s was not made', async (type, code) => {
    const { as } = await panel(() => fault(type, 'ip', 'because'))
    const failure = await failureOf(as().change('ip.edit', {}, signal))
    expect(failure).toMatchObject({ code, retry: 'never', outcome: 'none', fault: { type, object: 'ip' } })
    expect(failure.message).toContain(`${type}(ip): because`)
  })
})

describe('a look', () => {
  it('that cannot be read as JSON is asked for once more as XML', async () => {
    const { as, asked } = await panel(params =>
      params.get('out') === 'xml' ? '<doc><a>1</a></doc>' : '{"doc":{',
    )
    expect(fieldOf(await as().read('ip', {}, signal), 'a')).toBe('1')
    expect(asked.map(params => params.get('out'))).toEqual(['json', 'xml'])
  })

  it('that fails may be tried again', async () => {
    const { as } = await panel(() => '')
    expect(await failureOf(as().read('ip', {}, signal))).toMatchObject({
      code: 'ipam_unavailable',
      retry: 'later',
    })
  })

  it('at a panel of another kind says which one it is', async () => {
    const { as } = await panel(() => ({ $binary: '/billmgr', ok: {} }))
    const failure = await failureOf(as().read('ip', {}, signal))
    expect(failure).toMatchObject({ code: 'wrong_panel', retry: 'never' })
    expect(failure.message).toContain('/billmgr')
  })
})

describe('a list', () => {
  const rows = (count: number, from = 0) =>
    Array.from({ length: count }, (_, n) => ({ ip: { $: `192.0.2.${from + n}` } }))
  const page = (params: URLSearchParams) => Number(params.get('p_num'))

  async function listed(answer: (page: number, params: URLSearchParams) => Answer | undefined) {
    const { as, asked } = await panel(params => answer(page(params), params))
    const found: string[] = []
    for await (const part of as().pages('ip', {}, { size: 10, key: 'ip' }, signal)) {
      found.push(...part.map(row => fieldOf(row, 'ip') ?? ''))
    }
    return { found, asked }
  }
  const whole = (n: number, total: number, size = 10) => ({
    elem: rows(Math.max(0, Math.min(size, total - (n - 1) * size)), (n - 1) * size),
    p_elems: { $: `${total}` },
    p_num: { $: `${n}` },
    p_cnt: { $: `${size}` },
  })

  it.each([0, 1, 9, 10, 11, 30])('of %i rows is read to its end', async total => {
    const { found, asked } = await listed(n => whole(n, total))
    expect(found).toEqual(rows(total).map(row => row.ip.$))
    expect(asked.every(params => params.get('filter') === 'off')).toBe(true)
    expect(asked).toHaveLength(Math.max(1, Math.ceil(total / 10)))
  })

  it('comes in the size that the panel allows', async () => {
    expect((await listed(n => whole(n, 17, 5))).found).toHaveLength(17)
  })

  it('may come as a whole, with or without a count', async () => {
    expect((await listed(() => ({ elem: rows(25), p_elems: { $: '25' } }))).found).toHaveLength(25)
    expect((await listed(() => ({ elem: rows(25) }))).found).toHaveLength(25)
  })

  it('without a count ends with a page that is not full', async () => {
    expect((await listed(n => ({ $func: 'ip', elem: n === 3 ? [] : rows(10, n * 10) }))).found).toHaveLength(
      20,
    )
  })

  it('may shift while others come and go', async () => {
    const shifted = (n: number) => ({ ...whole(n, 30), ...(n === 2 ? { elem: rows(10, 8) } : {}) })
    expect((await listed(shifted)).found).toHaveLength(30)
  })

  it.each<[string, (n: number) => Answer | undefined, string]>([
    [
      'a half of it',
      n => ({ ...whole(n, 30), elem: rows(n === 2 ? 4 : 10, n * 10) }),
      'page 2 has 4 of the 10 rows',
    ],
    ['no rows at all', () => ({ p_elems: { $: '30' } }), 'page 1 has 0 of the 10 rows'],
    [
      'the same page twice',
      n => ({ ...whole(n === 3 ? 1 : n, 40), p_num: {} }),
      'page 3 is one that came before',
    ],
    ['the same page for ever', () => ({ elem: rows(10) }), 'page 2 is one that came before'],
    ['another page', n => ({ ...whole(n, 30), p_num: { $: '1' } }), 'page 2 was asked for, and page 1 came'],
    ['a failure at page 7', n => (n === 7 ? fault('process', 'x') : whole(n, 90)), 'page 7 of the list ip:'],
    ['no answer at page 7', n => (n === 7 ? undefined : whole(n, 90)), 'page 7 of the list ip:'],
    ['something that is no list', () => ({ ok: {} }), 'page 1 is no list'],
  ])('is not believed when it brings %s', async (_, answer, words) => {
    const failure = await failureOf(listed(answer))
    expect(failure).toMatchObject({ code: 'ipam_unavailable', retry: 'later' })
    expect(failure.message).toContain(words)
  })
})
