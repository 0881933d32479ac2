import { describe, expect, it } from 'vitest'
import type { Api } from '../../../src/panels/proxmox/api.ts'
import { createTasks } from '../../../src/panels/proxmox/tasks.ts'

const upid = 'UPID:pve1:000003E9:00000001:6553F101:vzcreate:101:ipbridge@pve!worker:'
const signal = new AbortController().signal

/** A cluster on which every task stands as it is told. */
function tasksThat(state: { status: string; exitstatus?: string }) {
  const api = { whom: 'PVE', target: { whom: 'PVE', side: 'panel' }, get: async () => state }
  return createTasks(api as unknown as Api, { deadlineMs: 20, pollMs: 1 })
}

describe('A task of Proxmox VE', () => {
  it('may end with warnings', async () => {
    await tasksThat({ status: 'stopped', exitstatus: 'WARNINGS: 2' }).finish(upid, 'making guest 101', signal)
    await tasksThat({ status: 'stopped', exitstatus: 'OK' }).finish(upid, 'making guest 101', signal)
  })

  it('has failed with whatever else it says, or where it says nothing', async () => {
    for (const exitstatus of ['OK, but not quite', 'unexpected status', '']) {
      const tasks = tasksThat({ status: 'stopped', exitstatus })
      const failure = {
        code: 'panel_unavailable',
        message: `PVE: making guest 101 failed; it says: ${exitstatus}`,
      }
      await expect(tasks.finish(upid, 'making guest 101', signal)).rejects.toMatchObject(failure)
    }
  })

  it('is no longer waited for at the deadline, and may still end well', async () => {
    const call = tasksThat({ status: 'running' }).finish(upid, 'making guest 101', signal)
    await expect(call).rejects.toMatchObject({ code: 'outcome_unknown', outcome: 'unknown' })
  })

  it.each([null, undefined, 7, '', 'UPID:pve1:1:1', 'UPID:../x:1:1:1:vzcreate:101:root@pam:'])(
    'is one only by its name (%o)',
    async answer => {
      const call = tasksThat({ status: 'stopped', exitstatus: 'OK' }).finish(
        answer,
        'making guest 101',
        signal,
      )
      await expect(call).rejects.toMatchObject({ code: 'outcome_unknown' })
    },
  )
})
