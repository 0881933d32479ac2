import { describe, expect, it } from 'vitest'
import { guestName, nameTemplate } from '../../../src/panels/guest-name.ts'

const name = (id: string, template = 'ipb-{service}') =>
  guestName(template, { id, domain: 'shop.example.net' })

describe('the name of a guest', () => {
  it('is what the template makes of the service', () => {
    expect(name('1042')).toBe('ipb-1042')
    expect(name('1042', '{service}.{domain}')).toBe('1042.shop.example.net')
  })

  it('is always the same for one service', () => {
    expect(name('whmcs:12')).toBe(name('whmcs:12'))
  })

  it('is never the same for two services, however alike their ids are', () => {
    const ids = ['whmcs:12', 'whmcs/12', 'whmcs-12', 'WHMCS-12', 'whmcs-12-', 'услуга', 'услуги']
    const long = ['1', '2'].map(end => `${'x'.repeat(190)}${end}`)
    const names = [...ids, ...long].map(id => name(id))
    expect(new Set(names).size).toBe(names.length)
    for (const one of names) expect(one).toMatch(/^[a-z0-9-]{1,60}$/)
  })

  it('must have the service in it', () => {
    expect(nameTemplate.safeParse('vps-{service}').success).toBe(true)
    for (const bad of ['vps', 'vps-{domain}', '{service} {domain}', '{servicE}']) {
      expect(nameTemplate.safeParse(bad).success).toBe(false)
    }
  })
})
