import { setTimeout as sleep } from 'node:timers/promises'
import { IpbridgeError } from '../../errors.ts'
import type { Vmmanager6 } from './client.ts'

/** How long to wait between two looks at a task: at first, and at the most. */
const pauseMs = { first: 50, most: 2_000 }

/** Tasks that are remembered, so that a try which finds its own task still at work does not begin another. */
const mostRemembered = 10_000

export type Tasks = ReturnType<typeof createTasks>

/** Waits for the panel's tasks. @param patienceMs how long for one, in one try */
export function createTasks(panel: Vmmanager6, patienceMs: number) {
  const remembered = new Map<string, number>()

  /** Facts: the number that a change answers with is the task's `consul_id`; it may not be listed at once. */
  async function statusOf(task: number, signal: AbortSignal): Promise<string> {
    const [row] = await panel.list('/vm/v3/task', `consul_id EQ ${task}`, signal)
    return String(row?.['status'] ?? '')
  }

  /** @throws panel_unavailable where it failed, or is still at work */
  async function wait(task: number, what: string, signal: AbortSignal): Promise<void> {
    const end = performance.now() + patienceMs
    for (let pause = pauseMs.first; ; pause *= 2) {
      const status = await statusOf(task, signal)
      if (status === 'complete') return
      if (/^fail|^cancel|^error/.test(status)) {
        throw new TaskFailed(`${panel.target.whom}: its task ${task} (${what}) ended as ${status}`)
      }
      const left = end - performance.now()
      if (left <= 0) {
        const why = `its task ${task} (${what}) is still ${status === '' ? 'not listed' : status}`
        throw new IpbridgeError('panel_unavailable', `${panel.target.whom}: ${why}`)
      }
      await sleep(Math.min(pause, left, pauseMs.most), undefined, { signal }).catch(() =>
        signal.throwIfAborted(),
      )
    }
  }

  async function finish(key: string, what: string, signal: AbortSignal): Promise<void> {
    const task = remembered.get(key)
    if (task === undefined) return
    try {
      await wait(task, what, signal)
      remembered.delete(key)
    } catch (error) {
      if (error instanceof TaskFailed) remembered.delete(key)
      throw error
    }
  }

  return {
    /** Waits for what an earlier try began, if it did and that is still at work. @returns whether it had */
    async resume(key: string, what: string, signal: AbortSignal): Promise<boolean> {
      if (!remembered.has(key)) return false
      await finish(key, what, signal)
      return true
    },

    /** Waits for a task that was begun just now; undefined: it was done at once. */
    async follow(key: string, task: number | undefined, what: string, signal: AbortSignal): Promise<void> {
      if (task === undefined) return
      const [oldest] = remembered.keys()
      if (remembered.size >= mostRemembered && oldest !== undefined) remembered.delete(oldest)
      remembered.set(key, task)
      await finish(key, what, signal)
    },
  }
}

class TaskFailed extends IpbridgeError {
  override name = 'TaskFailed'
  constructor(message: string) {
    super('panel_unavailable', message)
  }
}
