import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  ask,
  bill,
  billAdmin,
  control,
  type Ipmanager,
  post,
  send,
  startIpmanager,
} from '../../helpers/ipmanager.ts'

let panel: Ipmanager
beforeEach(async () => {
  panel = await startIpmanager()
})
afterEach(() => panel.stop())

const grant = { authinfo: bill, func: 'ip.edit', sok: 'ok', out: 'json' }
const list = { authinfo: billAdmin, func: 'ip' }
const held = () => panel.books.held().length
const fill = () => panel.books.fill({ range: '203.0.113.10-203.0.113.29', owner: 'bill', iptype: 'public' })
const rows = (doc: { elem?: { ip: { $: string } }[] }) => (doc.elem ?? []).map(row => row.ip.$)

describe('A fault that hides the answer', () => {
  const kinds = [
    { what: 'status', status: 502 },
    { what: 'drop' },
    { what: 'empty-body' },
    { what: 'html' },
    { what: 'no-ok' },
    { what: 'error', error: { type: 'xml', object: 'xpath' } },
  ] as const

  it.each(kinds)('$what: nothing has happened', async kind => {
    panel.faults.add({ ...kind, func: 'ip.edit' })
    await post(panel.url, grant).catch(() => undefined)
    expect(held()).toBe(0)
  })

  it.each(kinds)('$what, after the effect: the address is taken', async kind => {
    panel.faults.add({ ...kind, func: 'ip.edit', afterEffect: true })
    await post(panel.url, grant).catch(() => undefined)
    expect(held()).toBe(1)
  })
})

describe('What the caller gets', () => {
  it('for `status` is that status and a page', async () => {
    panel.faults.add({ what: 'status', status: 502 })
    expect(await post(panel.url, grant)).toMatchObject({
      status: 502,
      contentType: 'text/html; charset=UTF-8',
    })
  })

  it('for `drop` is a closed connection', async () => {
    panel.faults.add({ what: 'drop', afterEffect: true })
    await expect(post(panel.url, grant)).rejects.toMatchObject({ code: 'ECONNRESET' })
  })

  it('for `empty-body` is 200 and nothing', async () => {
    panel.faults.add({ what: 'empty-body' })
    expect(await post(panel.url, grant)).toMatchObject({ status: 200, body: '' })
  })

  it('for `no-ok` is a document with neither `ok` nor `error`', async () => {
    panel.faults.add({ what: 'no-ok', afterEffect: true })
    const doc = await ask(panel.url, grant)
    expect(doc).toHaveProperty('tparams')
    for (const name of ['ok', 'error', 'ip', 'id']) expect(doc).not.toHaveProperty(name)
  })

  it('for `html` is a page under 200', async () => {
    panel.faults.add({ what: 'html' })
    const { status, body } = await post(panel.url, grant)
    expect([status, body.startsWith('<!DOCTYPE html>')]).toEqual([200, true])
  })

  it('for `content-type` is the right answer under a wrong name', async () => {
    panel.faults.add({ what: 'content-type', contentType: 'text/html' })
    const { contentType, body } = await post(panel.url, grant)
    expect(contentType).toBe('text/html')
    expect(JSON.parse(body).doc).toHaveProperty('ok')
  })

  it('for `truncated` breaks off in the middle, after the effect', async () => {
    panel.faults.add({ what: 'truncated' })
    await expect(post(panel.url, grant)).rejects.toMatchObject({ code: 'ECONNRESET' })
    expect(held()).toBe(1)
  })

  it('for `error` is that refusal', async () => {
    panel.faults.add({ what: 'error', error: { type: 'license', object: 'expired' } })
    expect(await ask(panel.url, grant)).toMatchObject({ error: { $type: 'license', $object: 'expired' } })
  })

  it('for `slow` comes late; the effect comes with it, or before', async () => {
    const late = panel.faults.add({ what: 'slow', ms: 50 })
    const begin = performance.now()
    await post(panel.url, grant)
    expect(performance.now() - begin).toBeGreaterThanOrEqual(49)

    panel.faults.remove(late)
    panel.faults.add({ what: 'slow', ms: 600_000, afterEffect: true })
    const gaveUp = post(panel.url, grant, { signal: AbortSignal.timeout(300) })
    await expect(gaveUp).rejects.toMatchObject({ name: 'AbortError' })
    expect(held()).toBe(2)
  })

  it('for `session-expired` is a refusal, until one signs in again', async () => {
    const signIn = async () =>
      (await ask(panel.url, { func: 'auth', username: 'bill', password: 'bill-password' })).auth.$
    const auth = await signIn()
    panel.faults.add({ what: 'session-expired', func: 'ip', times: 1 })
    expect(await ask(panel.url, { auth, func: 'ip' })).toMatchObject({ error: { $type: 'auth' } })
    expect(await ask(panel.url, { auth: await signIn(), func: 'ip' })).toHaveProperty('p_elems')
  })

  it('for `other-panel` is another product at the same address', async () => {
    panel.faults.add({ what: 'other-panel' })
    expect(await ask(panel.url, { authinfo: bill, func: 'whoami' })).toMatchObject({ $binary: '/vmmgr' })
    expect(await ask(panel.url, { authinfo: bill, func: 'ip' })).toMatchObject({
      error: { $type: 'missed', $object: 'func' },
    })
  })
})

describe('A list that goes wrong', () => {
  beforeEach(() => fill())

  it('is empty', async () => {
    panel.faults.add({ what: 'empty-list' })
    const doc = await ask(panel.url, list)
    expect([rows(doc), doc.p_elems.$]).toEqual([[], '0'])
  })

  it('has only half of the rows, and says how many there should be', async () => {
    panel.faults.add({ what: 'half-list' })
    const pages = [
      await ask(panel.url, { ...list, p_cnt: '6' }),
      await ask(panel.url, { ...list, p_cnt: '6', p_num: '2' }),
      await ask(panel.url, { ...list, p_cnt: '6', p_num: '3' }),
    ]
    expect(pages.map(page => rows(page).length)).toEqual([6, 4, 0])
    expect(pages.map(page => page.p_elems.$)).toEqual(['20', '20', '20'])
  })

  it('has only half of the rows, and nothing gives it away', async () => {
    panel.faults.add({ what: 'half-list', admits: true })
    const doc = await ask(panel.url, list)
    expect([rows(doc).length, doc.p_elems.$]).toEqual([10, '10'])
  })

  it('shows the same page twice', async () => {
    panel.faults.add({ what: 'same-page' })
    const first = await ask(panel.url, { ...list, p_cnt: '5' })
    const second = await ask(panel.url, { ...list, p_cnt: '5', p_num: '2' })
    expect(rows(second)).toEqual(rows(first))
    expect(second.p_num.$).toBe('2')
  })

  it('ends with an error at one page', async () => {
    panel.faults.add({ what: 'error', error: { type: 'process' }, page: 3 })
    const page = (n: string) => ask(panel.url, { ...list, p_cnt: '5', p_num: n })
    expect(rows(await page('2'))).toHaveLength(5)
    expect(await page('3')).toMatchObject({ error: { $type: 'process' } })
    expect(rows(await page('4'))).toHaveLength(5)
  })
})

describe('A fault', () => {
  it('strikes only what it is aimed at', async () => {
    panel.faults.add({ what: 'empty-body', func: 'ip.edit', create: true, user: 'bill' })
    expect((await post(panel.url, grant)).body).toBe('')
    expect((await post(panel.url, { ...grant, authinfo: billAdmin })).body).not.toBe('')
    expect((await post(panel.url, { ...grant, sok: '' })).body).not.toBe('')
    expect((await post(panel.url, { ...grant, elid: '203.0.113.2' })).body).not.toBe('')
    expect((await post(panel.url, list)).body).not.toBe('')
  })

  it('lets some pass, strikes so often, and is counted', async () => {
    panel.faults.add({ what: 'empty-body', skip: 1, times: 2 })
    const empty: boolean[] = []
    for (let n = 0; n < 5; n++) empty.push((await post(panel.url, grant)).body === '')
    expect(empty).toEqual([false, true, true, false, false])
    expect(panel.faults.list()).toMatchObject([{ hits: 2 }])
  })

  it('strikes by chance, in the same places for the same seed', async () => {
    const places = async () => {
      const other = await startIpmanager({ seed: 7 })
      other.faults.add({ what: 'empty-body', chance: 0.5 })
      const struck: boolean[] = []
      for (let n = 0; n < 20; n++) struck.push((await post(other.url, grant)).body === '')
      await other.stop()
      return struck
    }
    const first = await places()
    expect(await places()).toEqual(first)
    expect(new Set(first).size).toBe(2)
  })

  it('ends when it is removed', async () => {
    panel.faults.add({ what: 'drop' })
    panel.faults.clear()
    expect(await ask(panel.url, grant)).toHaveProperty('ok')
  })
})

describe('The control over HTTP', () => {
  it('does what the returned object does', async () => {
    const id = await control(panel.controlUrl, 'faults/add', { what: 'empty-body', times: 1 })
    expect((await post(panel.url, grant)).body).toBe('')
    expect(panel.faults.list()).toMatchObject([{ id, hits: 1 }])
    await control(panel.controlUrl, 'drift/grant', '203.0.113.77', { owner: 'other', iptype: 'public' })
    expect(await control(panel.controlUrl, 'books/look', '203.0.113.77')).toMatchObject({ owner: 'other' })
    expect(await control(panel.controlUrl, 'books/look', '203.0.113.78')).toBeNull()
  })

  it('lists what there is', async () => {
    const { body } = await send(panel.controlUrl, '', { method: 'GET' })
    expect(Object.keys(JSON.parse(body))).toEqual(['books', 'faults', 'drift', 'users', 'panel'])
  })

  it('says what is wrong', async () => {
    await expect(control(panel.controlUrl, 'drift/release', '203.0.113.9')).rejects.toThrow(
      '203.0.113.9 is free',
    )
    await expect(control(panel.controlUrl, 'drift/release', 'x')).rejects.toThrow('"x" is not an address')
    await expect(control(panel.controlUrl, 'drift/constructor')).rejects.toThrow(
      'there is no drift/constructor',
    )
    const { status } = await send(`${panel.controlUrl}/faults/clear`, '[]', { method: 'POST' })
    expect(status).toBe(400)
  })
})
