import { crashSweep } from './sweep.ts'

crashSweep('memory')
