import { ipams } from './ipams.ts'
import { simulated } from './panels.ts'
import { stories } from './stories.ts'
import { crashSweep } from './sweep.ts'

for (const panel of simulated('VMmanager')) crashSweep(ipams.memory, panel, stories)
