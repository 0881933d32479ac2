import { describe, expect, it } from 'vitest'
import { isPrivateTarget, publicLookup } from '../../src/billing/private-targets.ts'

describe('A target is private', () => {
  it.each([
    '127.0.0.1',
    '10.1.2.3',
    '172.31.255.255',
    '192.168.0.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '224.0.0.1',
    '255.255.255.255',
    '::1',
    '::',
    'fe80::1',
    'fd00::1',
    'ff02::1',
    '::ffff:127.0.0.1',
    '::ffff:a00:1',
    '64:ff9b::10.0.0.1',
    '64:ff9b:1::c633:6401',
    '::127.0.0.1',
    '2002:7f00:1::',
    '2002:a9fe:a9fe::1',
    '2001:0:4136:e378:8000:63bf:3fff:fdd2',
    '100::1',
    'fec0::1',
    '::ffff:169.254.169.254',
    'fd00:ec2::254',
    'not an address',
  ])('when it is %s', address => {
    expect(isPrivateTarget(address)).toBe(true)
  })

  it.each([
    '198.51.100.1',
    '172.32.0.1',
    '9.255.255.255',
    '2001:db8::1',
    '2002:c633:6401::1',
    '::ffff:198.51.100.1',
  ])('but not when it is %s', address => {
    expect(isPrivateTarget(address)).toBe(false)
  })
})

describe('A name', () => {
  const look = (name: string, options: object) =>
    new Promise(resolve =>
      publicLookup(name, options, (error, address) => resolve(error?.message ?? address)),
    )

  it('that leads to this machine is refused after it was looked up', async () => {
    expect(await look('localhost', {})).toMatch(/^localhost is at (127\.0\.0\.1|::1), in a private network$/)
    expect(await look('localhost', { all: true })).toMatch(/in a private network/)
  })

  it('that is an address elsewhere is let through in the form that was asked for', async () => {
    expect(await look('198.51.100.1', {})).toBe('198.51.100.1')
    expect(await look('198.51.100.1', { all: true })).toEqual([{ address: '198.51.100.1', family: 4 }])
  })
})
