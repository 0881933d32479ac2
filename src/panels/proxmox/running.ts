import type { Api } from './api.ts'
import { type Guest, pathOf } from './guest.ts'
import { status } from './shapes.ts'

/** Whether a guest runs at this moment. */
export async function isRunning(api: Api, guest: Guest, signal: AbortSignal): Promise<boolean> {
  const { status: state } = await api.get(status, [...pathOf(guest), 'status', 'current'], signal)
  return state === 'running'
}
