import { describe, expect, it } from 'vitest'
import {
  attributeOf,
  childOf,
  childrenOf,
  descendants,
  fieldOf,
  parseDocument,
  textOf,
} from '../../src/coremanager/document.ts'
import { faultOf, nameOf } from '../../src/coremanager/fault.ts'

// Answers as they were captured from live panels (facts, sections 1.4 and 1.5).

const list = `{"doc":{"$func":"webdomain","elem":[{"active":{"$":"on"},"id":{"$":"1"},"ipaddr":{"$":"192.168.0.1"},
  "database":{"$orig":"db_not_assigned","$":"Not used"},"webscript_status":{}}],
 "metadata":{"$name":"webdomain","$type":"list","$key":"name","$mgr":"ispmgr","coldata":{"col":[]}}}}`

const listInXml = `<?xml version="1.0" encoding="UTF-8"?>
<doc lang="en" func="ip" binary="/ipmgr" host="https://10.0.0.5:1500" themename="orion" features="" notify="">
  <elem><ip>203.0.113.10</ip><domain>a.example.</domain><iptype>public</iptype><note/></elem>
  <elem><ip>203.0.113.11</ip><domain orig="b">B &amp; B &#1078;</domain></elem>
  <p_elems>2</p_elems>
  <saved_filters/>
  <tparams><func>ip</func><out>xml</out></tparams>
</doc>`

const success = `{"doc":{"$lang":"en","$func":"user.delete","$binary":"/ispmgr","$host":"https://fake-site.com:1500",
 "ok":{},"saved_filters":{},"tparams":{"elid":{"$":"user0"},"func":{"$":"user.delete"},"out":{"$":"sjson"}}}}`

const badPassword = `{"doc":{"error":{"$type":"auth","$object":"badpassword","$lang":"en",
  "detail":{"$":"Invalid username or password "},"msg":{"$":"Invalid username or password "},
  "param":[{"$name":"object","$type":"msg","$":"badpassword"},
           {"$name":"value","$":"remote_addr: [85.140.114.49]"}]}}}`

const badPasswordInXml = `<doc>
  <error type="auth" object="badpassword" lang="ru" code="1">
    <param name="object" type="msg">badpassword</param>
    <param name="value"/>
    <stack><action level="0" user="">auth</action></stack>
    <detail>…</detail><msg>Invalid username or password</msg>
  </error>
</doc>`

const noSuchElement = `<doc>
  <error type="value" object="elid" lang="ru" code="1">
    <param name="object" type="msg" msg="Element identifier">elid</param>
    <param name="value">9999</param>
    <param name="desc" type="msg">desk_empty</param>
    <stack><action level="30" user="root">user.edit</action></stack>
    <group>The '__object__' field has an invalid value. __desc__</group>
  </error>
</doc>`

describe('an answer in JSON', () => {
  it('has rows whose machine value goes before the translated one', () => {
    const [row] = childrenOf(parseDocument(list), 'elem')
    expect(fieldOf(row, 'active')).toBe('on')
    expect(fieldOf(row, 'database')).toBe('db_not_assigned')
    expect(fieldOf(row, 'webscript_status')).toBe('')
    expect(fieldOf(row, 'nothing')).toBeUndefined()
  })

  it('may have one row that is no array, or none', () => {
    expect(childrenOf(parseDocument('{"doc":{"elem":{"ip":{"$":"192.0.2.1"}}}}'), 'elem')).toHaveLength(1)
    expect(childrenOf(parseDocument('{"doc":{"p_elems":{"$":"0"}}}'), 'elem')).toEqual([])
  })

  it('may have plain values instead of elements', () => {
    const doc = parseDocument('{"doc":{"ip":"192.0.2.1","id":17,"list":["a","b"],"none":null}}')
    expect([fieldOf(doc, 'ip'), fieldOf(doc, 'id'), fieldOf(doc, 'none')]).toEqual([
      '192.0.2.1',
      '17',
      undefined,
    ])
    expect(childrenOf(doc, 'list').map(textOf)).toEqual(['a', 'b'])
  })

  it('of the flat format has dotted names', () => {
    expect(fieldOf(parseDocument('{"model":{"ip.id":"12"}}'), 'ip.id')).toBe('12')
  })

  it('confirms with an empty element', () => {
    expect(childOf(parseDocument(success), 'ok')).toEqual({})
    expect(faultOf(parseDocument(success))).toBeUndefined()
  })

  it('does not find what every object inherits', () => {
    const doc = parseDocument('{"doc":{"elem":{}}}')
    expect(fieldOf(doc, 'constructor')).toBeUndefined()
    expect(attributeOf(doc, 'toString')).toBeUndefined()
  })
})

describe('an answer in XML', () => {
  it('has the same shape', () => {
    const doc = parseDocument(listInXml)
    const [first, second] = childrenOf(doc, 'elem')
    expect(attributeOf(doc, 'binary')).toBe('/ipmgr')
    expect(fieldOf(doc, 'p_elems')).toBe('2')
    expect([fieldOf(first, 'ip'), fieldOf(first, 'domain'), fieldOf(first, 'note')]).toEqual([
      '203.0.113.10',
      'a.example.',
      '',
    ])
    expect(fieldOf(second, 'domain')).toBe('b')
    expect(childOf(second, 'domain')?.['$']).toBe('B & B ж')
  })

  it('shows every element of a name, however deep', () => {
    const form =
      '<doc><metadata><form><page><field name="family"/><field name="ip"/></page></form></metadata></doc>'
    const fields = [...descendants(parseDocument(form), 'field')]
    expect(fields.map(field => attributeOf(field, 'name'))).toEqual(['family', 'ip'])
  })

  it.each([
    ['declares an entity', '<!DOCTYPE doc [<!ENTITY a "aaaa">]><doc>&a;</doc>'],
    [
      'wants a file read',
      '<?xml version="1.0"?><!DOCTYPE d [<!ENTITY f SYSTEM "file:///etc/passwd">]><doc>&f;</doc>',
    ],
    [
      'grows without bounds',
      `<!DOCTYPE d [<!ENTITY a "${'a'.repeat(99)}"><!ENTITY b "&a;&a;">]><doc>&b;</doc>`,
    ],
  ])('that %s is refused', (_, text) => {
    expect(() => parseDocument(text)).toThrow('its answer declares entities')
  })
})

describe('text that is no answer', () => {
  it.each([
    ['', 'with nothing'],
    ['  \n', 'with nothing'],
    ['<!DOCTYPE html><html><body>Welcome</body></html>', 'with a web page'],
    ['<html><head></head></html>', 'with a web page'],
    ['{"doc":{"elem":[{"ip":{"$":"192.0', 'broken JSON'],
    ['<doc><elem><ip>192.0.2.1</ip>', 'broken XML'],
    [`${'<a>'.repeat(500)}${'</a>'.repeat(500)}`, 'broken XML'],
    [`${'['.repeat(200_000)}`, 'broken JSON'],
    ['Service Unavailable', 'broken JSON'],
    ['[]', 'no document'],
    ['{"data":[]}', 'no document'],
    ['<other/>', 'no document'],
  ])('%s: it answered %s', (text, words) => {
    expect(() => parseDocument(text)).toThrow(words)
  })
})

describe('a fault', () => {
  it('is told by type and object, in both formats', () => {
    const [json, xml] = [faultOf(parseDocument(badPassword)), faultOf(parseDocument(badPasswordInXml))]
    expect(json).toMatchObject({ type: 'auth', object: 'badpassword', value: 'remote_addr: [85.140.114.49]' })
    expect(json).toMatchObject({ text: 'Invalid username or password', internal: false })
    expect(xml).toMatchObject({ type: 'auth', object: 'badpassword', text: 'Invalid username or password' })
  })

  it('has its parameters put into its text', () => {
    const fault = faultOf(parseDocument(noSuchElement))
    expect(fault).toMatchObject({ type: 'value', object: 'elid', value: '9999' })
    expect(fault?.text).toBe("The 'elid' field has an invalid value. desk_empty")
    expect(nameOf(fault ?? { type: '', object: '' })).toBe('value(elid)')
  })

  it.each([
    ['<doc><error type="xml" object="xpath" report="yes"/></doc>', true],
    ['<doc><error type="client" object="bad_response"/></doc>', true],
    ['<doc><error type="process"/></doc>', true],
    ['<doc><error type="value" object="ip" report="yes"/></doc>', true],
    ['<doc><error type="value" object="ip"/></doc>', false],
    ['<doc><error type="limit" object="ip"/></doc>', false],
    ['<doc><error type="never heard of"/></doc>', true],
  ])('may have left something done: %s → %s', (text, internal) => {
    expect(faultOf(parseDocument(text))?.internal).toBe(internal)
  })

  it('of version 4 has a number, or a node of its own', () => {
    expect(faultOf(parseDocument('<doc><error code="3" obj="ip"/></doc>'))?.type).toBe('missed')
    expect(faultOf(parseDocument('<doc><authfail/></doc>'))?.type).toBe('auth')
  })

  it('is shortened for people', () => {
    const text =
      faultOf(parseDocument(`{"doc":{"error":{"msg":{"$":"${'long '.repeat(200)}"}}}}`))?.text ?? ''
    expect(text.length).toBeLessThan(310)
  })
})
