import { Readable } from 'node:stream'
import { servicesOfCsv } from '../../src/billing/csv-services.ts'
import type { Resolution } from '../../src/domain/conflict.ts'
import { resolutions } from '../../src/domain/conflict.ts'
import { admin } from '../helpers/api.ts'
import { events } from '../helpers/events.ts'
import { happened, type Story } from './stories.ts'
import type { Life, Way, World } from './world.ts'

// What happens beside events: operators decide, the night compares, services are taken over, billing is told. Who asked
// for something and got no answer looks whether it was done, and asks again where it was not.

const signal = new AbortController().signal

async function conflict(world: World): Promise<void> {
  await happened(world, await world.created({ id: 'holder' }))
  world.rig.forget()
  await happened(world, await world.created({ id: 'claimant' }))
}

const decisions: Story[] = [
  ...resolutions.map(
    (resolution): Story => ({
      name: `an operator decides a conflict for ${resolution === 'free' ? 'nobody' : `the ${resolution}`}`,
      isOutside: true,
      async begin(world) {
        await conflict(world)
        if (resolution === 'free') await happened(world, events.deleted('holder'))
        return decide(resolution)
      },
    }),
  ),
  {
    name: 'an operator decides a conflict for the claimant, which then keeps what it has, since somebody has freed the address',
    isOutside: true,
    async begin(world) {
      await conflict(world)
      const { address } = await world.app.db.conflict.findFirstOrThrow()
      world.rig.forget(address)
      return decide('claimant')
    },
  },
]

const decide =
  (resolution: Resolution): Way =>
  async ({ worker, once, drain }) => {
    await once('decision', async () => {
      const [conflict] = (await worker.desk.conflicts.list({ open: true })).items
      if (conflict?.state !== 'open') return
      await worker.desk.conflicts.resolve(admin, conflict.id, { resolution, reason: 'looked at both' })
    })
    await drain()
  }

/** The clock starts a night again until it hears that it was started; it is the same night then. */
async function compare({ world, worker, once, drain }: Life, night: string): Promise<void> {
  const { connection } = world.rig
  await once(night, () => worker.desk.reconciliations.start(connection, `schedule:${night}`))
  await drain()
}

async function drift(world: World): Promise<void> {
  for (const id of ['s20', 's21', 's22']) await happened(world, await world.created({ id }))
  const [freed, named] = await world.app.db.assignment.findMany({ orderBy: { id: 'asc' } })
  world.rig.drift(freed?.address ?? '', named?.address ?? '', '10.0.0.99')
}

const nights: Story[] = [
  {
    name: 'the night compares, and the next one agrees',
    isOutside: true,
    isLeftAsItWas: true,
    async begin(world) {
      await drift(world)
      return async life => {
        await compare(life, '2026-11-26')
        await compare(life, '2026-11-27')
      }
    },
  },
  {
    name: 'the plan of two nights is applied',
    isOutside: true,
    async begin(world) {
      await drift(world)
      await world.settle(async life => {
        await compare(life, '2026-11-26')
        await compare(life, '2026-11-27')
      })
      return async ({ worker: { desk }, once, drain }) => {
        await once('plan', async () => {
          const [plan] = (await desk.reconciliations.list({})).items
          if (plan?.state === 'planned') await desk.reconciliations.apply(admin, plan.id, signal)
        })
        await drain()
      }
    },
  },
]

const header = 'service,kind,client,domain,server,address,ptr,order\n'

/** More than one batch. */
const csv = `${header}${Array.from({ length: 502 }, (_, n) => {
  const address = `10.0.${1 + (n >> 8)}.${n & 255}`
  return `i${n},vps,c1,i${n}.example.net,node3,${address},${n % 7 === 0 ? `i${n}.example.net` : ''},\n`
}).join('')}i501,vps,c1,i501.example.net,node3,10.1.0.9,-,o1\n`

const imports: Story[] = [
  {
    name: 'services are taken over from a file',
    begin: async () => async life => {
      await life.once('import', () =>
        life.worker.desk.imports.run(
          admin,
          servicesOfCsv(Readable.from([csv]), () => {}),
          { dryRun: false, signal },
        ),
      )
      await life.drain()
    },
  },
  {
    name: 'services are taken over from BILLmanager',
    async begin(world) {
      world.billing.billmanager.billing.fill([
        {
          domain: 'old1.example.net',
          slots: [
            { name: '10.0.0.20', domain: 'old1.example.net', main: true },
            { name: '10.0.0.21', domain: 'mail.example.net' },
          ],
        },
        { domain: 'old2.example.net', slots: [{ name: '10.0.0.22', main: true }] },
      ])
      await enterBillmanager(world)
      return async ({ worker: { desk }, once, drain }) => {
        await once('import', async () => {
          const core = await desk.billings.core('bill')
          const services = core.services(() => {}, signal)
          await desk.imports.run(admin, services, { dryRun: false, signal })
        })
        await drain()
      }
    },
  },
]

async function enterBillmanager(world: World): Promise<void> {
  await world.app.desk.billings.add(admin, {
    name: 'bill',
    kind: 'billmanager',
    url: world.billing.billmanager.url,
    login: 'ipbridge',
    password: 'ipbridge-password',
  })
}

const messages: Story[] = [
  {
    name: 'billing is told by webhook of two services',
    async begin(world) {
      await world.app.desk.webhooks.add(admin, {
        name: 'hook',
        url: world.billing.url,
        allowPrivate: true,
      })
      await happened(
        world,
        await world.created({ id: 's30' }),
        events.ordered('s30', 'o1'),
        events.cancelled('s30', { order: 'o1' }),
        await world.created({ id: 's31' }),
      )
      return life => life.deliver()
    },
  },
  {
    name: 'the address of a service is written into BILLmanager',
    async begin(world) {
      const id = world.billing.billmanager.billing.order({ domain: 'new.example.net' })
      await enterBillmanager(world)
      const created = await world.created({ id, domain: 'new.example.net' })
      return async ({ worker, once, drain, deliver }) => {
        await once('events', () => worker.intake.accept([created], 'http'))
        await drain()
        await deliver()
      }
    },
  },
]

/** On an IPAM whose books are its own. */
export const outsideStories = [...decisions, ...nights, ...messages]
/** On the built-in IPAM, which can be told what is in use. */
export const builtinStories = [...imports, ...messages]
