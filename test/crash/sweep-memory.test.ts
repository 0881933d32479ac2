import { ipams } from './ipams.ts'
import { memory, none } from './panels.ts'
import { stories } from './stories.ts'
import { crashSweep } from './sweep.ts'

crashSweep(ipams.memory, memory, stories)
crashSweep(ipams.builtin, memory, stories)
crashSweep(ipams.memory, none, stories)
