import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { admin } from '../helpers/api.ts'
import { backend, queueMissing } from '../helpers/app.ts'
import {
  type BillmanagerHost,
  type Forwarder,
  pythonMissing,
  startBillmanagerHost,
} from '../helpers/billmanager.ts'
import { until } from '../helpers/until.ts'
import type { Subject } from './subject.ts'
import { subjects } from './subjects.ts'
import { startWorld, type World } from './world.ts'

/** The queue makes no difference to panels: all of them are told of on one, and one on the other. */
const told = backend === 'postgres' ? subjects : subjects.slice(0, 1)

/** The same with BILLmanager at its beginning and end: its plugin tells ipbridge, and ipbridge writes back. */
describe.skipIf(queueMissing || pythonMissing).each(told)(
  'The whole story, from BILLmanager to $name and back',
  (subject: Subject) => {
    let world: World
    let server: Awaited<ReturnType<World['app']['serve']>>
    let host: BillmanagerHost
    let forwarder: Forwarder
    beforeAll(async () => {
      world = await startWorld(subject)
      server = await world.app.serve()
      host = await startBillmanagerHost({ behaviour: { mostTries: 100_000 } })
      const { token } = await world.app.desk.tokens.add(admin, { name: 'billmanager', role: 'billing' })
      await host.configure(server.url, token, {
        setups: { 'VPS-1': world.panel.setup },
        table: { service: { guest: 'remoteid' }, look_again_seconds: 0.5 },
      })
      await world.app.desk.billings.add(admin, {
        name: 'bill',
        kind: 'billmanager',
        url: host.panel.url,
        login: 'ipbridge',
        password: 'ipbridge-password',
      })
      forwarder = host.forwarder()
    })
    afterAll(async () => {
      await forwarder?.stop()
      await server?.close()
      await world?.end()
      await host?.stop()
    })

    it('goes from the opening of a service to its end, and leaves nothing behind', async () => {
      const { panel, ipmanager } = world
      const { billing, modules } = host.panel
      const held = () => ipmanager.books.held({ owner: 'bill' }).map(({ ip }) => ip)
      const onGuest = async () => (await panel.guests()).flatMap(({ addresses }) => addresses).sort()
      const slots = (id: string) => billing.slots(id).map(({ name, domain }) => [name, domain])
      /** BILLmanager's processing modules try again and again, until everything is done that was left to them. */
      const settled = (what: string, isSo: () => boolean | Promise<boolean>) =>
        until(what, async () => modules.work() === 0 && (await isSo()), 60_000)
      /** Everything that was said on either side has been heard on the other. */
      const quiet = () =>
        until(
          'all is quiet',
          async () => {
            const { new: noted, out } = await host.spooled()
            const open = { state: { in: ['queued', 'running', 'waiting'] } }
            const counts = await Promise.all([
              world.app.db.operation.count({ where: open }),
              world.app.db.delivery.count({ where: { state: 'pending' } }),
            ])
            return noted.length + out.length + Math.max(...counts) === 0
          },
          60_000,
        )
      const isActive = (id: string) => () => billing.item(id)?.status === '2'

      // An older service has an address that somebody has freed in IPmanager by hand.
      const old = billing.order({ domain: 'old.example.net', module: { id: '2', name: 'old-node' } })
      await settled('the old service is open', isActive(old))
      await quiet()
      const [[taken = ''] = []] = slots(old)
      ipmanager.drift.release(taken)

      // A service is opened. IPmanager gives that address once more; setting up fails twice.
      world.failToConfigure(2)
      modules.fail(2)
      const guest = await panel.addGuest?.()
      const vps = billing.order({ domain: 'shop.example.net', ...(guest && { remoteid: guest }) })
      await settled('the service is open', isActive(vps))
      const [[main = ''] = []] = slots(vps)
      expect(main).not.toBe(taken)
      expect(ipmanager.books.look(taken)?.domain).toMatch(/^dns\.set\.error\.?$/)
      expect(ipmanager.books.look(main)?.domain).toMatch(/^shop\.example\.net\.?$/)
      expect(await world.triesOf(vps)).toBeGreaterThanOrEqual(3)
      expect(held().sort()).toEqual([taken, main].sort())
      expect(await onGuest()).toEqual([main])
      expect(slots(vps)).toEqual([[main, 'shop.example.net']])
      expect(billing.slots(vps)).toMatchObject([
        { state: 'active', mask: '255.255.255.0', gateway: '203.0.113.1' },
      ])

      // The client orders an extra address, with a name of its own.
      billing.call('service.ip.edit', {
        plid: vps,
        type: '7',
        count: '1',
        domain: 'mail.example.org',
        sok: 'ok',
      })
      await settled('the extra address is there', () => slots(vps).length === 2)
      const [mainRow, extraRow] = billing.slots(vps)
      const extra = extraRow?.name ?? ''
      expect(extraRow).toMatchObject({ state: 'active', domain: 'mail.example.org' })
      expect(await onGuest()).toEqual([main, extra].sort())
      expect(ipmanager.books.look(extra)?.domain).toMatch(/^mail\.example\.org\.?$/)

      // The client changes the PTR.
      billing.call('service.ip.edit', {
        elid: mainRow?.id ?? '',
        plid: vps,
        domain: 'www.example.com',
        sok: 'ok',
      })
      const isRenamed = () => /^www\.example\.com\.?$/.test(ipmanager.books.look(main)?.domain ?? '')
      await until('the PTR is changed', isRenamed, 60_000)

      // The extra address is no longer wanted: it goes off the guest, and back.
      billing.call('service.ip.delete', { elid: extraRow?.id ?? '', plid: vps })
      await settled('the extra address is gone', () => slots(vps).length === 1)
      expect(await onGuest()).toEqual([main])
      expect(held()).not.toContain(extra)

      // The service ends.
      billing.call('vds.delete', { elid: vps })
      await settled('nothing is held for it', () => !held().includes(main) && slots(vps).length === 0)
      expect(await onGuest()).toEqual([])
      expect(held()).toEqual([taken])
      expect(await world.service(vps)).toMatchObject({ state: 'deleted', addresses: [] })

      // BILLmanager was never disturbed, and nothing was left to people.
      expect(host.panel.hooks.runs().filter(run => run.code !== 0 || !run.unchanged || run.stderr)).toEqual(
        [],
      )
      expect(modules.tasks()).toEqual([])
      expect(billing.problems()).toEqual([])
      expect((await host.spooled()).refused).toEqual([])
    }, 300_000)
  },
)
