import { describe } from 'vitest'
import { fuzz } from './door.ts'
import { answers, csv, environment, eventArguments, ndjson, wordings } from './doors/texts.ts'

describe('What is read', () => {
  fuzz(() => environment, 'from the environment is taken whole or refused by name, and no secret is told')
  fuzz(() => ndjson, 'from a file of events is an event or a fault, line by line')
  fuzz(() => csv, 'from a file of services is a service or told of, line by line')
  fuzz(() => answers, 'as the document of a panel is one or is unreadable')
  fuzz(() => eventArguments, 'as the arguments of an event is one or refused')
  fuzz(() => wordings, 'as an address or a name has one form or none')
})
