import { describe, expect, it } from 'vitest'
import { IpbridgeError } from '../../../src/errors.ts'
import type { PanelProtocol, PanelRow } from '../../../src/panels/protocol.ts'
import { verified } from '../../../src/panels/verified.ts'
import { panelService } from '../../helpers/panel-service.ts'

const { signal } = new AbortController()

interface Guest {
  id: string
  element: string
}

/** A panel whose guest goes by its main address, which is taken off it by somebody else just when it was found. */
function panelThatMoves(after: { element: string; addresses: string[] } | undefined) {
  let now: typeof after = { element: '192.0.2.10', addresses: ['192.0.2.10', '192.0.2.11'] }
  const row = (address: string): PanelRow => ({ address, ptr: undefined })
  const protocol: PanelProtocol<Guest, PanelRow> = {
    name: 'moves',
    whom: 'a panel',
    keepsPtrs: false,
    patienceMs: 0,
    async find() {
      const found = now && { id: '7', element: now.element }
      now = after
      return found
    },
    async rows({ element }) {
      if (now?.element === element) return now.addresses.map(row)
      throw new IpbridgeError('panel_refused', `there is no ${element}`)
    },
    add: () => Promise.reject(new Error('nothing is to be added')),
    remove: () => Promise.reject(new Error('nothing is to be removed')),
    rename: () => Promise.reject(new Error('nothing is to be renamed')),
    async *guests() {},
    inspect: async () => ({ remarks: [] }),
  }
  return verified(protocol)
}

describe('A guest that goes by another name than when it was found', () => {
  it('is looked at by its new name', async () => {
    const driver = panelThatMoves({ element: '192.0.2.11', addresses: ['192.0.2.11'] })
    expect(await driver.addresses(panelService(), signal)).toEqual(['192.0.2.11'])
  })

  it('no longer has the address that was to be taken off it, which is as well', async () => {
    const driver = panelThatMoves({ element: '192.0.2.11', addresses: ['192.0.2.11'] })
    await driver.unassign(panelService(), '192.0.2.10', signal)
  })

  it('may be gone altogether', async () => {
    expect(await panelThatMoves(undefined).addresses(panelService(), signal)).toBeUndefined()
  })
})
