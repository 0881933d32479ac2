import { full } from './explore.ts'
import { ipams } from './ipams.ts'
import { memory, simulated } from './panels.ts'
import { stories } from './stories.ts'
import { crashSweep } from './sweep.ts'

// Each IPAM with the panel in memory, and (beside this) each panel with the IPAM in memory: nothing of an IPAM is known
// where a panel is asked but the address and its network, and nothing of a panel where an IPAM is. The vendor's own pair is
// told with both over HTTP all the same; all pairs with IPBRIDGE_TEST_FULL=1.
for (const ipam of [ipams.ipmanager, ipams.withoutNotes]) crashSweep(ipam, memory, stories)
const panels = simulated(full ? '' : 'VMmanager 5 (KVM)')
for (const panel of panels) crashSweep(ipams.ipmanager, panel, stories)
if (full) for (const panel of panels) crashSweep(ipams.builtin, panel, stories)
