import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ask, bill, billAdmin, type Ipmanager, post, startIpmanager } from '../../helpers/ipmanager.ts'

let panel: Ipmanager
beforeAll(async () => {
  panel = await startIpmanager({
    state: {
      addresses: [
        { ip: '203.0.113.10', owner: 'bill', iptype: 'public', domain: 'a.example.' },
        { ip: '203.0.113.11', owner: 'bill', iptype: 'alias', domain: 'b.example.', note: '<&>"' },
      ],
    },
  })
})
afterAll(() => panel.stop())

const get = async (out: string, params: Record<string, string>) =>
  post(panel.url, { authinfo: bill, out, ...params })
const json = async (out: string, params: Record<string, string>) => JSON.parse((await get(out, params)).body)

describe('A list', () => {
  it('as XML has the captured shape', async () => {
    const { contentType, body } = await get('xml', { func: 'ip' })
    expect(contentType).toBe('text/xml; charset=UTF-8')
    const [head = '', ...rest] = body.replaceAll('><', '>\n<').trim().split('\n')
    expect(head).toBe('<?xml version="1.0" encoding="UTF-8"?>')
    expect(rest[0]).toMatch(
      /^<doc lang="en" func="ip" binary="\/ipmgr" host="http:\/\/127\.0\.0\.1:\d+" themename="/,
    )
    expect(rest.slice(1)).toEqual([
      '<elem>',
      '<ip>203.0.113.10</ip>',
      '<domain>a.example.</domain>',
      '<iptype orig="public">Public addresses</iptype>',
      '<note/>',
      '</elem>',
      '<elem>',
      '<ip>203.0.113.11</ip>',
      '<domain>b.example.</domain>',
      '<iptype>alias</iptype>',
      '<note>&lt;&amp;&gt;&quot;</note>',
      '</elem>',
      '<p_elems>2</p_elems>',
      '<p_num>1</p_num>',
      '<p_cnt>100</p_cnt>',
      '<saved_filters/>',
      '<tparams>',
      '<out>xml</out>',
      '<func>ip</func>',
      '</tparams>',
      '</doc>',
    ])
  })

  it('as sjson is the same tree: `$` for text, `$name` for attributes, `{}` for nothing', async () => {
    const { doc } = await json('sjson', { func: 'ip' })
    expect(doc).toMatchObject({ $lang: 'en', $func: 'ip', $binary: '/ipmgr', $notify: '' })
    expect(doc.elem[0]).toEqual({
      ip: { $: '203.0.113.10' },
      domain: { $: 'a.example.' },
      iptype: { $orig: 'public', $: 'Public addresses' },
      note: {},
    })
    expect(doc.saved_filters).toEqual({})
    expect(doc.metadata).toBeUndefined()
  })

  it.each(['json', 'xjson'])('as %s says more about itself', async out => {
    const { doc } = await json(out, { func: 'ip' })
    expect(doc.metadata).toMatchObject({ $name: 'ip', $type: 'list', $key: 'ip', $mgr: 'ipmgr' })
    expect(doc.metadata.coldata.col.map((col: { $name: string }) => col.$name)).toEqual([
      'ip',
      'domain',
      'iptype',
      'note',
    ])
    expect(doc).toHaveProperty('messages')
    expect(doc).toHaveProperty('contextmenu')
  })

  it('as JSONdata is rows and nothing else', async () => {
    expect(await json('JSONdata', { func: 'ip' })).toEqual([
      { ip: '203.0.113.10', domain: 'a.example.', iptype: 'Public addresses', note: '' },
      { ip: '203.0.113.11', domain: 'b.example.', iptype: 'alias', note: '<&>"' },
    ])
  })

  it('as bjson is flat', async () => {
    const { model } = await json('bjson', { func: 'ip' })
    expect(model).toMatchObject({ p_elems: '2' })
    expect(model.elem[1].ip).toBe('203.0.113.11')
  })

  it('as text is a row a line', async () => {
    const { contentType, body } = await get('text', { func: 'ip' })
    expect(contentType).toBe('text/plain; charset=UTF-8')
    expect(body.split('\n')[0]).toBe('ip=203.0.113.10 domain=a.example. iptype=Public addresses note=')
  })

  it('with one row has it bare, or as an array of one where the panel is set so', async () => {
    const one = { func: 'ip', filter: 'on', ip: '113.11' }
    expect((await json('sjson', one)).doc.elem.ip.$).toBe('203.0.113.11')
    panel.panel.behave({ oneRow: 'array' })
    expect((await json('sjson', one)).doc.elem).toHaveLength(1)
    panel.panel.behave({ oneRow: 'object' })
  })
})

describe('A form', () => {
  it('shows an address and what may be chosen', async () => {
    const { doc } = await json('sjson', { func: 'ip.edit', elid: '203.0.113.10' })
    expect(doc).toMatchObject({
      elid: { $: '203.0.113.10' },
      domain: { $: 'a.example.' },
      iptype: { $: 'public' },
    })
    expect(doc.slist[0]).toEqual({
      $name: 'iptype',
      val: [
        { $key: 'public', $: 'Public addresses' },
        { $key: 'alias', $: 'alias' },
      ],
    })
  })

  it('describes itself to `out=devel`', async () => {
    const { body } = await get('devel', { func: 'ip.edit' })
    expect(body).toContain('<metadata name="ip.edit" type="form" mgr="ipmgr"><form><field name="family">')
  })

  it('without an output format is a page for people', async () => {
    const { status, contentType } = await post(panel.url, { authinfo: bill, func: 'ip' })
    expect([status, contentType]).toEqual([200, 'text/html; charset=UTF-8'])
  })
})

describe('A submitted form', () => {
  it('is answered as the captured `user.delete` was', async () => {
    panel.users.put({ name: 'user0', password: 'p', level: 16, rights: [], hidden: [] })
    const doc = await ask(panel.url, { authinfo: billAdmin, elid: 'user0', func: 'user.delete' })
    expect(Object.keys(doc)).toEqual([
      '$lang',
      '$func',
      '$binary',
      '$host',
      '$themename',
      '$features',
      '$notify',
      '$theme',
      '$css',
      '$logo',
      '$logolink',
      '$favicon',
      '$localdir',
      'ok',
      'saved_filters',
      'tparams',
    ])
    expect(doc.ok).toEqual({})
    expect(doc.tparams).toEqual({ out: { $: 'sjson' }, elid: { $: 'user0' }, func: { $: 'user.delete' } })
  })

  it('is flat as bjson, and short as text', async () => {
    const change = { func: 'ip.edit', elid: '203.0.113.10', sok: 'ok', note: 'new' }
    expect(await json('bjson', change)).toEqual({ model: { id: '203.0.113.10' }, ok: true })
    expect((await get('text', change)).body).toBe('OK id=203.0.113.10')
  })
})

describe('A refusal', () => {
  it('of a password has the captured XML', async () => {
    const { status, body } = await post(panel.url, {
      func: 'auth',
      username: 'x',
      password: 'y',
      out: 'xml',
    })
    expect(status).toBe(200)
    expect(body.replaceAll('><', '>\n<').trim().split('\n')).toEqual([
      '<?xml version="1.0" encoding="UTF-8"?>',
      '<doc>',
      '<error type="auth" object="badpassword" lang="en" code="1">',
      '<param name="object" type="msg">badpassword</param>',
      '<param name="value">remote_addr: [127.0.0.1]</param>',
      '<stack>',
      '<action level="0" user="">auth</action>',
      '</stack>',
      '<detail>Invalid username or password </detail>',
      '<msg>Invalid username or password </msg>',
      '</error>',
      '</doc>',
    ])
  })

  it('of a password has the captured JSON', async () => {
    const doc = await ask(panel.url, { authinfo: 'bill:no', func: 'ip' })
    expect(doc).toMatchObject({
      error: {
        $type: 'auth',
        $object: 'badpassword',
        $lang: 'en',
        detail: { $: 'Invalid username or password ' },
        msg: { $: 'Invalid username or password ' },
        param: [
          { $name: 'object', $type: 'msg', $: 'badpassword' },
          { $name: 'value', $: 'remote_addr: [127.0.0.1]' },
        ],
      },
    })
  })

  it('of an element that is not there has the captured XML', async () => {
    const { body } = await post(panel.url, {
      authinfo: billAdmin,
      func: 'user.edit',
      elid: '9999',
      out: 'xml',
    })
    expect(body.replaceAll('><', '>\n<').trim().split('\n').slice(2, -1)).toEqual([
      '<error type="value" object="elid" lang="en" code="1">',
      '<param name="object" type="msg" msg="Element identifier">elid</param>',
      '<param name="value">9999</param>',
      '<param name="desc" type="msg">desk_empty</param>',
      '<stack>',
      '<action level="29" user="bill_admin">user.edit</action>',
      '</stack>',
      "<group>The '__object__' field has an invalid value. __desc__</group>",
      "<msg>The 'Element identifier' field has an invalid value. </msg>",
      '</error>',
    ])
  })

  it('changes its words with the language, and nothing else', async () => {
    const doc = await ask(panel.url, { authinfo: 'bill:no', func: 'ip', lang: 'ru' })
    expect(doc.error).toMatchObject({ $type: 'auth', $object: 'badpassword', $lang: 'ru' })
    expect(doc.error.msg.$).toBe('Неверное имя пользователя или пароль ')
  })

  it('is at the top of bjson and one line of text', async () => {
    const wrong = { authinfo: 'bill:no', func: 'ip' }
    expect(await json('bjson', wrong)).toMatchObject({ error: { type: 'auth', object: 'badpassword' } })
    expect((await get('text', wrong)).body).toBe('ERROR auth(badpassword) remote_addr: [127.0.0.1]')
  })
})

describe('Everything else at the socket', () => {
  it('answers at the old address too, and with a page that is not found elsewhere', async () => {
    const old = panel.url.replace('/ipmgr', '/manager/ipmgr')
    expect(await ask(old, { authinfo: bill, func: 'whoami' })).toMatchObject({
      user: { $: 'bill', $level: '16' },
    })
    const other = await post(panel.url.replace('/ipmgr', '/vmmgr'), { func: 'ip', out: 'json' })
    expect([other.status, other.contentType]).toEqual([404, 'text/html; charset=UTF-8'])
  })

  it('takes GET like POST, and never shows a secret again', async () => {
    const { body } = await post(
      `${panel.url}?func=ip&authinfo=${bill}&out=json&p_cnt=1`,
      {},
      { method: 'GET' },
    )
    expect(JSON.parse(body).doc.tparams).toEqual({ func: { $: 'ip' }, out: { $: 'json' }, p_cnt: { $: '1' } })
    expect(body).not.toContain('bill-password')
  })
})
