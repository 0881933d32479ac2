import { crashSweep } from './sweep.ts'

crashSweep('builtin')
