import { afterAll, beforeAll, describe } from 'vitest'
import { fuzz } from './door.ts'
import { openRemote } from './doors/remote.ts'
import { ipmanagerSubject } from './remote/ipams.ts'
import { billmanagerSubject, webhookSubject } from './remote/others.ts'
import { panelSubject, panels } from './remote/panels.ts'
import type { Subject, Through } from './remote/subject.ts'

const systems: Record<string, (through: Through) => Promise<Subject>> = {
  'IPmanager in JSON': through => ipmanagerSubject(through, 'json'),
  'IPmanager in XML': through => ipmanagerSubject(through, 'xml'),
  billmanager: billmanagerSubject,
  'a webhook': webhookSubject,
  ...Object.fromEntries(
    Object.entries(panels).map(([name, make]) => [name, (through: Through) => panelSubject(through, make)]),
  ),
}

describe.each(Object.entries(systems))('What %s answers', (name, make) => {
  let opened: Awaited<ReturnType<typeof openRemote>>
  beforeAll(async () => {
    opened = await openRemote(name, make, name in panels ? 0.2 : 1)
  })
  afterAll(() => opened?.close())

  fuzz(
    () => opened.door,
    'may be garbled in any way: an error that says so, no secrets, and the one effect once it is right again',
  )
})
