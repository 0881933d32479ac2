import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  AddressError,
  canonicalAddress,
  compareAddresses,
  type Family,
  familyFromName,
  familyName,
  familyOf,
  fromBigInt,
  toBigInt,
} from '../../src/domain/address.ts'

const ipv4 = fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }).map(value => fromBigInt(value, 4))
const ipv6 = fc
  .bigInt({ min: 2n ** 48n, max: 2n ** 128n - 1n })
  .map(value => fromBigInt(value, 6))
  .filter(address => !address.startsWith('::ffff:'))
const address = fc.oneof(ipv4, ipv6)

describe('An address', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['2001:DB8:0:0:0:0:0:7', '2001:db8::7'],
    ['2001:0db8::0007', '2001:db8::7'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['::1', '::1'],
    ['64:ff9b::192.0.2.7', '64:ff9b::c000:207'],
  ])('%s becomes %s', (given, canonical) => {
    expect(canonicalAddress(given)).toBe(canonical)
  })

  it.each([
    '',
    ' 192.0.2.7',
    '192.0.2.7 ',
    '192.0.2',
    '192.0.2.256',
    '192.0.2.07',
    '0300.0.2.7',
    '0x7f.0.0.1',
    '3221225991',
    '192.0.2.7/32',
    '2001:db8::7/128',
    '[2001:db8::7]',
    'fe80::1%eth0',
    '2001:db8::7::1',
    '2001:db8',
    'server1.example.net',
  ])('%j is refused, and the message says what is accepted', given => {
    expect(() => canonicalAddress(given)).toThrow(AddressError)
    expect(() => canonicalAddress(given)).toThrow(
      `${JSON.stringify(given)} is not an IP address; give one host address without a mask, such as 192.0.2.7 or 2001:db8::7`,
    )
  })

  it.each(['::ffff:192.0.2.7', '::FFFF:C000:207', '0:0:0:0:0:ffff:c000:0207'])(
    '%s is refused, because it is an IPv4 address in disguise',
    given => {
      expect(() => canonicalAddress(given)).toThrow(
        'is an IPv4 address mapped into IPv6; write it as 192.0.2.7',
      )
    },
  )

  it('is not repeated in full when it is absurdly long', () => {
    expect(() => canonicalAddress('9'.repeat(10_000))).toThrow(/^"9{60}…" is not an IP address/)
  })

  it('has one spelling: what is canonical stays as it is', () => {
    fc.assert(fc.property(address, text => canonicalAddress(text) === text))
    fc.assert(fc.property(ipv6, text => canonicalAddress(text.toUpperCase()) === text))
  })

  it('is the same after it was a number', () => {
    fc.assert(fc.property(address, text => fromBigInt(toBigInt(text), familyOf(text)) === text))
  })

  it.each([
    ['192.0.2.7', 4, 'ipv4'],
    ['2001:db8::7', 6, 'ipv6'],
  ] as const)('%s is of family %i, which the outside calls %s', (text, family, name) => {
    expect([familyOf(text), familyName(family), familyFromName(name)]).toEqual([family, name, family])
  })
})

describe('The order of addresses', () => {
  it('is by number, not by text, and IPv4 comes first', () => {
    const sorted = ['2001:db8::', '192.0.2.10', '2001:db8::a', '192.0.2.9', '2001:db8::2'].sort(
      compareAddresses,
    )
    expect(sorted).toEqual(['192.0.2.9', '192.0.2.10', '2001:db8::', '2001:db8::2', '2001:db8::a'])
  })

  it('agrees with the numbers in each family', () => {
    const pair = fc.oneof(fc.tuple(ipv4, ipv4), fc.tuple(ipv6, ipv6))
    fc.assert(
      fc.property(pair, ([a, b]) => {
        const difference = toBigInt(a) - toBigInt(b)
        return Math.sign(compareAddresses(a, b)) === (difference < 0n ? -1 : difference > 0n ? 1 : 0)
      }),
    )
  })

  it('turns around when the addresses do', () => {
    fc.assert(fc.property(address, address, (a, b) => compareAddresses(a, b) === 0 - compareAddresses(b, a)))
  })
})

describe('A number', () => {
  it.each<[bigint, Family, string]>([
    [0n, 4, '0.0.0.0'],
    [2n ** 32n - 1n, 4, '255.255.255.255'],
    [0n, 6, '::'],
    [2n ** 128n - 1n, 6, 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ])('%s of family %i is %s', (value, family, text) => {
    expect(fromBigInt(value, family)).toBe(text)
  })
})
