import { PanelError } from '../coremanager/panel-error.ts'
import { type Memory, rememberMap } from '../remember.ts'
import {
  type Behaviour,
  type Item,
  type ItemSeed,
  itemSeed,
  type Problem,
  type RunningOperation,
  type Slot,
  statuses,
  type Task,
} from './state.ts'

export type Books = ReturnType<typeof createBooks>

/** The panel's tables: services, their addresses, and what its processing modules are to do. */
export function createBooks(behaviour: Behaviour) {
  const items = new Map<string, Item>()
  const slots = new Map<string, Slot>()
  const slotsByItem = new Map<string, Set<string>>()
  const operations = new Map<string, RunningOperation>()
  const tasks: Task[] = []
  const problems: Problem[] = []
  const last = { item: 1000, slot: 9500, operation: 500, task: 0 }

  function addSlot(item: string, seed: Partial<Slot>): Slot {
    last.slot += 1
    const id = String(last.slot)
    const state = seed.name ? 'active' : 'ordered'
    const blank = {
      name: '',
      type: 'Public IPv4',
      domain: '',
      mask: '',
      gateway: '',
      main: false,
      hiddenFor: 0,
    }
    const slot: Slot = { ...blank, state, ...seed, id, item }
    slots.set(id, slot)
    const own = slotsByItem.get(item) ?? new Set()
    slotsByItem.set(item, own.add(id))
    return slot
  }

  return {
    items,
    slots,
    operations,
    tasks,
    problems,

    /** A service is ordered and paid, or (active) has been there for long. */
    addItem(input: ItemSeed, status: Item['status'] = statuses.ordered): Item {
      const { slots: seeds, ...seed } = itemSeed.parse(input)
      last.item += 1
      const item: Item = { ...seed, id: String(last.item), status }
      items.set(item.id, item)
      for (const { name = '', ...slot } of seeds) addSlot(item.id, { ...slot, name })
      return item
    },

    addSlot,

    dropSlot(slot: Slot): void {
      slots.delete(slot.id)
      slotsByItem.get(slot.item)?.delete(slot.id)
    },

    slotsOf: (item: string): Slot[] => [...(slotsByItem.get(item) ?? [])].flatMap(id => slots.get(id) ?? []),

    item(id: string): Item {
      const item = items.get(id)
      if (item === undefined) throw new PanelError({ type: 'missed', object: 'item', value: id })
      return item
    },

    slot(id: string): Slot {
      const slot = slots.get(id)
      if (slot === undefined)
        throw new PanelError({ type: 'value', object: 'elid', value: id, desc: 'desk_empty' })
      return slot
    },

    /** Leaves something to a processing module; the same thing only once. */
    start(item: string, command: RunningOperation['command'], slot?: string): RunningOperation {
      const same = [...operations.values()].find(
        one => one.item === item && one.command === command && one.slot === slot,
      )
      if (same) return same
      last.operation += 1
      const id = String(last.operation)
      const more = slot === undefined ? {} : { slot }
      const operation = { id, item, command, ...more, trycount: 0, manual: false, errorxml: '' }
      operations.set(id, operation)
      return operation
    },

    remember(): Memory {
      const parts = [rememberMap(items), rememberMap(slots), rememberMap(operations)]
      const bySlots = structuredClone([...slotsByItem])
      const lists = structuredClone({ tasks, problems, last })
      return {
        all: [...parts.map(part => part.all), lists.tasks, lists.problems],
        recall() {
          for (const part of parts) part.recall()
          slotsByItem.clear()
          for (const [item, ids] of bySlots) slotsByItem.set(item, new Set(ids))
          tasks.splice(0, tasks.length, ...lists.tasks)
          problems.splice(0, problems.length, ...lists.problems)
          Object.assign(last, lists.last)
        },
      }
    },

    /** A module has failed; after the last try the operation is left to people, as one task. */
    failed(operation: RunningOperation, errorxml: string): void {
      operation.trycount += 1
      operation.errorxml = errorxml
      if (operation.trycount < behaviour.mostTries) return
      operation.manual = true
      if (tasks.some(task => task.runningoperation === operation.id)) return
      last.task += 1
      tasks.push({
        id: String(last.task),
        item: operation.item,
        runningoperation: operation.id,
        type: `task_${operation.command}`,
      })
    },
  }
}
