import type { PanelDriver } from '../../src/panels/driver.ts'
import { memoryPanel } from '../../src/panels/memory.ts'
import { callOutside, type World } from './outside.ts'
import type { Owner } from './scheduler.ts'

export type SimulatedPanel = ReturnType<typeof simulatedPanel>

/** The panel of one server with weather, and how a worker reaches it. */
export function simulatedPanel(world: World, server: string) {
  const { defect } = world
  const panel = memoryPanel()
  const never = new AbortController().signal

  return {
    books: panel.books,

    /** The driver of one worker. */
    driver(owner: Owner): PanelDriver {
      const call = <T>(name: string, signal: AbortSignal, work: () => Promise<T>) =>
        callOutside(world, owner, `${server}: ${name}`, signal, work, 'panel')
      return {
        name: panel.name,
        automatic: true,
        setsUp: true,
        configure: (service, address, signal) =>
          call(`give ${address.address} to the guest of ${service.id}`, signal, () => {
            world.count('effects at panels')
            return panel.configure(service, address, never)
          }),
        unassign: (service, address, signal) =>
          call(`take ${address} off the guest of ${service.id}`, signal, async () => {
            if (!world.random.chance(world.weather.lies)) await panel.unassign(service, address, never)
            else world.count('lies of panels')
          }),
        addresses: (service, signal) =>
          call(`look at the guest of ${service.id}`, signal, async () =>
            defect === 'no usage check' ? [] : panel.addresses(service, never),
          ),
        async *guests(signal) {
          const listed = await call('list the guests', signal, async () =>
            [...panel.books].map(([guest, { service, addresses }]) => ({
              guest,
              service,
              addresses: [...addresses.keys()],
            })),
          )
          yield* listed
        },
        check: panel.check,
      }
    },
  }
}
