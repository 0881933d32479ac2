import { setTimeout as sleep } from 'node:timers/promises'
import { IpbridgeError } from '../../errors.ts'
import { noAnswer } from '../../http/failures.ts'
import type { Api } from './api.ts'
import { task } from './shapes.ts'

export interface TaskOptions {
  /** How long a task may take, in milliseconds. */
  deadlineMs: number
  /** Between the first two looks at a task; then more, up to five times as much. */
  pollMs: number
}

export type Tasks = ReturnType<typeof createTasks>

/** UPID:node:pid:pstart:starttime:type:id:user@realm: */
const upidForm =
  /^UPID:([A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?):(?:[0-9A-Fa-f]+:){3}([^:\s/]+):([^:\s/]*):[^:\s/]+:$/

/** What takes its time is a task of a node, named by its UPID (facts: Proxmox VE API, tasks). */
export function createTasks(api: Api, { deadlineMs, pollMs }: TaskOptions) {
  return {
    /**
     * Waits for the end of a task.
     * @param answer the data of the answer that began it
     * @throws panel_unavailable with what the task says where it failed; outcome_unknown where it still runs at the deadline
     */
    async finish(answer: unknown, what: string, signal: AbortSignal): Promise<void> {
      const upid = typeof answer === 'string' ? answer : ''
      const node = upidForm.exec(upid)?.[1]
      if (node === undefined) throw noAnswer(api.target, `it names no task for ${what}`, true)
      const deadline = performance.now() + deadlineMs
      for (let pause = pollMs; ; pause = Math.min(pause * 1.5, pollMs * 5)) {
        const { status, exitstatus = '' } = await look(node, upid, signal)
        if (status === 'stopped') return judge(exitstatus, what)
        if (performance.now() > deadline) {
          const minutes = Math.ceil(deadlineMs / 60_000)
          throw noAnswer(api.target, `${what} still runs after ${minutes} minutes`, true)
        }
        await sleep(pause, undefined, { signal }).catch(() => signal.throwIfAborted())
      }
    },
  }

  /** A look that is lost is no lost task. */
  async function look(node: string, upid: string, signal: AbortSignal) {
    try {
      return await api.get(task, ['nodes', node, 'tasks', upid, 'status'], signal)
    } catch (error) {
      if (error instanceof IpbridgeError && error.code === 'panel_unavailable') return { status: 'running' }
      throw error
    }
  }

  function judge(exitstatus: string, what: string): void {
    if (exitstatus === 'OK' || /^WARNINGS: \d+$/.test(exitstatus)) return
    const told = exitstatus.replace(/\s+/g, ' ').slice(0, 300)
    throw new IpbridgeError('panel_unavailable', `${api.whom}: ${what} failed; it says: ${told}`)
  }
}
