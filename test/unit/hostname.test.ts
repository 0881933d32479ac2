import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HostnameError, normalizeHostname } from '../../src/domain/hostname.ts'

const label63 = 'a'.repeat(63)
/** 253 characters, the most that a name may have. */
const longest = [label63, label63, label63, 'b'.repeat(61)].join('.')

describe('A host name', () => {
  it.each([
    ['server1.example.net', 'server1.example.net'],
    ['SERVER1.Example.NET', 'server1.example.net'],
    ['server1.example.net.', 'server1.example.net'],
    ['  server1.example.net\n', 'server1.example.net'],
    ['a.b', 'a.b'],
    ['3com.example', '3com.example'],
    ['1.2.3.4.example.net', '1.2.3.4.example.net'],
    ['static-192-0-2-7.example.net', 'static-192-0-2-7.example.net'],
    ['a-b--c.example.net', 'a-b--c.example.net'],
    ['in-addr.arpa.example.net', 'in-addr.arpa.example.net'],
    ['dns.set.error', 'dns.set.error'],
    [`${label63}.example`, `${label63}.example`],
    [longest, longest],
  ])('%j becomes %j', (given, normal) => {
    expect(normalizeHostname(given)).toBe(normal)
  })

  it.each([
    ['bücher.example', 'xn--bcher-kva.example'],
    ['BÜCHER.example', 'xn--bcher-kva.example'],
    ['bu\u0308cher.example', 'xn--bcher-kva.example'],
    ['faß.example', 'xn--fa-hia.example'],
    ['例え。テスト', 'xn--r8jz45g.xn--zckzah'],
    ['例え．テスト', 'xn--r8jz45g.xn--zckzah'],
    ['пример.испытание', 'xn--e1afmkfd.xn--80akhbyknj4f'],
    ['א1.example', 'xn--1-zhc.example'],
    ['ｅｘａｍｐｌｅ.net', 'example.net'],
    ['exam\u00ADple.net', 'example.net'],
    ['\u212Aelvin.example', 'kelvin.example'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['XN--BCHER-KVA.example', 'xn--bcher-kva.example'],
  ])('%s is written as %s', (given, ascii) => {
    expect(normalizeHostname(given)).toBe(ascii)
  })

  it.each([
    ['', 'it is empty'],
    ['   ', 'it is empty'],
    ['.', 'it is empty'],
    ['localhost', 'it has only one label'],
    ['net.', 'it has only one label'],
    ['[2001:db8::7]', 'it has only one label'],
    ['2001:db8::7', 'it has only one label'],
    ['192.0.2.7', 'it ends in a number'],
    ['server.7', 'it ends in a number'],
    ['１９２.０.２.７', 'it ends in a number'],
    ['.example.net', 'its part ""'],
    ['a..example.net', 'its part ""'],
    ['example.net..', 'its part ""'],
    ['a。。example', 'its part ""'],
    ['-a.example.net', 'its part "-a"'],
    ['a-.example.net', 'its part "a-"'],
    ['a_b.example.net', 'its part "a_b"'],
    ['_dmarc.example.net', 'its part "_dmarc"'],
    ['*.example.net', 'its part "*"'],
    ['a b.example.net', 'its part "a b"'],
    ['a\tb.example.net', 'its part "a\\tb"'],
    ['a\0b.example.net', 'its part "a\\u0000b"'],
    ['user@example.net', 'its part "user@example"'],
    ['http://example.net', 'its part "http://example"'],
    ['example.net:80', 'its part "net:80"'],
    ['example.net/path', 'its part "net/path"'],
    ['example.net?x', 'its part "net?x"'],
    ['a%2eb.example', 'its part "a%2eb"'],
    ['a;b.example', 'its part "a;b"'],
    ['$(id).example', 'its part "$(id)"'],
    [`a${label63}.example`, `its part "a${label63}"`],
    ['ab--c.example', 'not a valid internationalised label'],
    ['xn--a.example', 'not a valid internationalised label'],
    ['xn--zz.example', 'not a valid internationalised label'],
    ['xn--.example', 'its part "xn--"'],
    ['ü%41.example', 'a character that no host name has'],
    ['ü b.example', 'a character that no host name has'],
    ['ü_b.example', 'a character that no host name has'],
    ['ü@b.example', 'a character that no host name has'],
    ['ü/b.example', 'a character that no host name has'],
    ['a\u200Db.example', 'not a valid internationalised name'],
    ['\u202Eab.example', 'not a valid internationalised name'],
    [`b${longest}`, 'it is longer than 253 characters'],
    [`ü.${longest}`, 'it is longer than 253 characters'],
    ['7.2.0.192.in-addr.arpa', 'the reverse zones themselves'],
    ['in-addr.arpa', 'the reverse zones themselves'],
    ['8.b.d.0.1.0.0.2.IP6.ARPA.', 'the reverse zones themselves'],
  ])('%j is refused: %s', (given, why) => {
    expect(() => normalizeHostname(given)).toThrow(HostnameError)
    expect(() => normalizeHostname(given)).toThrow(why)
    expect(() => normalizeHostname(given)).toThrow(/; give one such as server1\.example\.net$/)
  })

  it('is not repeated in full when it is absurdly long', () => {
    expect(() => normalizeHostname('x'.repeat(100_000))).toThrow(/^"x{80}…" is not a host name/)
  })

  it('that was accepted once is accepted again and stays the same, whatever it was made of', () => {
    const part = fc.stringMatching(/^[a-zA-ZäöüßÄéñ0-9Ωжя日本-]{1,20}$/u)
    const name = fc.array(part, { minLength: 1, maxLength: 4 }).map(parts => parts.join('.'))
    const anything = fc.oneof(name, fc.string({ unit: 'binary', maxLength: 30 }))
    fc.assert(
      fc.property(anything, text => {
        const normal = normalized(text)
        if (normal === undefined) return true
        return /^[a-z0-9.-]+$/.test(normal) && normal.length <= 253 && normalizeHostname(normal) === normal
      }),
      { numRuns: 500 },
    )
  })

  function normalized(text: string): string | undefined {
    try {
      return normalizeHostname(text)
    } catch (error) {
      if (error instanceof HostnameError) return undefined
      throw error
    }
  }
})
