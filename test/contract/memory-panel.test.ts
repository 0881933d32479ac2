import { memoryPanel } from '../../src/panels/memory.ts'
import { panelContract } from './panel.ts'

panelContract({
  name: 'memory',
  abilities: { setsUp: true, ptr: true, guests: true },
  applied: 'now',
  network: false,
  async make() {
    const driver = memoryPanel()
    return {
      driver,
      async addGuest() {
        const guest = `vm-${driver.books.size + 1}`
        driver.books.set(guest, { service: '', addresses: new Map() })
        return guest
      },
      removeGuest: async guest => void driver.books.delete(guest),
      guests: async () => [...driver.books.keys()],
      addressesOf: async guest => [...(driver.books.get(guest)?.addresses.keys() ?? [])],
      ptrOf: async (guest, address) => driver.books.get(guest)?.addresses.get(address),
      close: async () => {},
    }
  },
})
