import type { Memory } from '../remember.ts'
import { Refusal } from './refusal.ts'

interface Task {
  /** How many more requests the cluster answers before it ends. */
  left: number
  exitstatus: string
  end: () => void
}

export type Tasks = ReturnType<typeof createTasks>

/** Tasks go on with every request that the cluster answers, so that tests need no clock. */
export function createTasks() {
  const tasks = new Map<string, Task>()
  let count = 0

  return {
    /** How many requests a task lasts. */
    lasts: 1,
    /** With what the next task ends, and without its effect. */
    nextFails: undefined as string | undefined,

    /** @returns its UPID */
    begin(node: string, type: string, id: number, user: string, end: (failed: boolean) => void): string {
      count += 1
      const hex = (value: number) => value.toString(16).toUpperCase().padStart(8, '0')
      const upid = `UPID:${node}:${hex(1000 + count)}:${hex(count)}:${hex(1_700_000_000 + count)}:${type}:${id}:${user}:`
      const failure = this.nextFails
      this.nextFails = undefined
      tasks.set(upid, {
        left: this.lasts,
        exitstatus: failure ?? 'OK',
        end: () => end(failure !== undefined),
      })
      return upid
    },

    remember(): Memory {
      const still = [...tasks]
        .filter(([, task]) => task.left > 0)
        .map(([upid, task]) => [upid, { ...task }] as const)
      return {
        all: still.map(([upid, { left }]) => [upid.split(':')[5], left]),
        recall() {
          for (const task of tasks.values()) task.left = 0
          for (const [upid, task] of still) tasks.set(upid, { ...task })
        },
      }
    },

    pass(): void {
      for (const task of tasks.values()) {
        if (task.left > 0 && --task.left === 0) task.end()
      }
    },

    status(node: string, upid: string) {
      const task = tasks.get(upid)
      if (task === undefined) throw new Refusal(500, `unable to parse worker upid '${upid}'`)
      const base = { upid, node, type: upid.split(':')[5], user: upid.split(':')[7] }
      return task.left > 0
        ? { ...base, status: 'running' }
        : { ...base, status: 'stopped', exitstatus: task.exitstatus }
    },
  }
}
