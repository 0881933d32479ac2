import type { Books } from './books.ts'
import type { Item, RunningOperation } from './state.ts'

export interface ModuleParts {
  books: Books
  /** Calls a function of the panel as its own programs do. */
  invoke(func: string, params: Record<string, string>): void
}

/**
 * The processing modules (the fact sheet, 4.4 and 4.5). The one here leaves addresses and guests to ipbridge: it
 * opens a service once all its addresses are there.
 */
export function createModules({ books, invoke }: ModuleParts) {
  /** How often the next tries fail, whatever was done. */
  let failures = 0

  function run(operation: RunningOperation, item: Item): string | undefined {
    const slots = books.slotsOf(item.id)
    switch (operation.command) {
      case 'open': {
        const main = slots.find(slot => slot.main)
        const waiting = slots.filter(slot => slot.state !== 'active')
        if (waiting.length > 0 || main === undefined) return 'addresses are missing'
        invoke(`${item.type}.open`, { elid: item.id, sok: 'ok', ip: main.name, address: main.name })
        return undefined
      }
      case 'addip':
        return books.slots.get(operation.slot ?? '')?.state === 'active'
          ? undefined
          : 'the address is missing'
      case 'delip':
        return books.slots.has(operation.slot ?? '') ? 'the address is still there' : undefined
      case 'close':
        invoke('service.postclose', { elid: item.id, sok: 'ok' })
        return undefined
    }
  }

  return {
    /** The next so many tries fail, as when the server cannot be reached. */
    fail(times: number): void {
      failures = times
    },
    /** One try at everything that is not left to people; gives how many operations are open after it. */
    work(): number {
      for (const operation of [...books.operations.values()].filter(one => !one.manual)) {
        const item = books.items.get(operation.item)
        const error = failures > 0 ? 'the server cannot be reached' : item && run(operation, item)
        failures = Math.max(0, failures - 1)
        if (error === undefined) books.operations.delete(operation.id)
        else books.failed(operation, `<error type="processing"><msg>${error}</msg></error>`)
      }
      return books.operations.size
    },
  }
}
