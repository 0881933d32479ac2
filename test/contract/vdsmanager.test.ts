import { vdsmanager } from '../../src/panels/vdsmanager.ts'
import { startVdsmanager } from '../../src/simulators/vdsmanager/start.ts'
import { guestPanelSubject } from './guest-panel.ts'
import { panelContract } from './panel.ts'

panelContract({
  name: 'vdsmanager',
  abilities: { setsUp: true, ptr: true, guests: true },
  applied: 'now',
  network: true,
  setup: { vdspreset: 'OVZ-1', disktempl: 'debian-12-x86_64', passwd: 'guest-password' },
  make: async () => guestPanelSubject(await startVdsmanager(), vdsmanager),
})
