import { type Memory, rememberMap } from '../remember.ts'
import { Refused } from './refusal.ts'

export interface Task {
  id: number
  consul_id: number
  name: string
  status: 'running' | 'complete' | 'fail'
}

export type Tasks = ReturnType<typeof createTasks>

/**
 * Changes that take their time. They take place when somebody asks anything after they are due, which nobody can tell
 * from their taking place by themselves.
 */
export function createTasks(now: () => number, delayMs: () => number) {
  const tasks = new Map<number, Task>()
  let waiting: { task: Task; due: number; effect: () => void }[] = []
  let last = 100

  return {
    /** @returns the number by which the task is asked for */
    begin(name: string, effect: () => void): number {
      last += 1
      // The row has an id of its own: what the caller is given is the `consul_id`.
      const task: Task = { id: last + 5_000, consul_id: last, name, status: 'running' }
      tasks.set(last, task)
      waiting.push({ task, due: now() + delayMs(), effect })
      return last
    },

    /** Lets what is due take place; or everything, if that is asked for. */
    settle(everything = false): void {
      while (waiting[0] !== undefined && (everything || waiting[0].due <= now())) {
        const { task, effect } = waiting.shift() as (typeof waiting)[number]
        try {
          effect()
          task.status = 'complete'
        } catch (error) {
          if (!(error instanceof Refused)) throw error
          task.status = 'fail'
        }
      }
    },

    remember(): Memory {
      const before = rememberMap(tasks)
      const [still, count] = [[...waiting], last]
      return {
        all: still.map(({ task }) => task.name),
        recall() {
          before.recall()
          waiting = [...still]
          last = count
        },
      }
    },

    all: (): Task[] => [...tasks.values()],
  }
}
