import { dcimanager5 } from '../../src/panels/dcimanager5.ts'
import { startDcimanager5 } from '../../src/simulators/dcimanager5/start.ts'
import { guestPanelSubject } from './guest-panel.ts'
import { panelContract } from './panel.ts'

panelContract({
  name: 'dcimanager5',
  abilities: { setsUp: false, ptr: true, guests: true },
  applied: 'now',
  network: true,
  make: async () => guestPanelSubject(await startDcimanager5(), dcimanager5),
})
