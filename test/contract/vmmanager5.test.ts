import { vmmanager5 } from '../../src/panels/vmmanager5.ts'
import { startVmmanager5 } from '../../src/simulators/vmmanager5/start.ts'
import { guestPanelSubject } from './guest-panel.ts'
import { panelContract } from './panel.ts'

panelContract({
  name: 'vmmanager5',
  abilities: { setsUp: true, ptr: true, guests: true },
  applied: 'now',
  network: true,
  setup: { preset: 'KVM-1', vmi: 'ISPsystem__Debian-12-x86_64', password: 'guest-password' },
  make: async () => guestPanelSubject(await startVmmanager5(), vmmanager5),
})
