import { ipams } from './ipams.ts'
import { memory } from './panels.ts'
import { builtinStories, outsideStories } from './people.ts'
import { crashSweep } from './sweep.ts'

crashSweep(ipams.memory, memory, outsideStories)
crashSweep(ipams.ipmanager, memory, outsideStories)
crashSweep(ipams.builtin, memory, builtinStories)
