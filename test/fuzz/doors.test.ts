import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { events } from '../helpers/events.ts'
import { fuzz } from './door.ts'
import { openCommandLine } from './doors/command-line.ts'
import { openHttp } from './doors/http.ts'
import { openRows } from './doors/rows.ts'
import { openSocket } from './doors/socket.ts'

describe('The HTTP API', () => {
  let opened: Awaited<ReturnType<typeof openHttp>>
  beforeAll(async () => {
    opened = await openHttp()
  })
  afterAll(() => opened?.shutDown())

  fuzz(
    () => opened.door,
    'answers whatever it is asked, refuses what is wrong without an effect, and tells no secrets',
  )

  it('was reached beyond its checks: much of it was accepted', () => {
    const { accepted, refused } = opened.reach
    expect(accepted / (accepted + refused)).toBeGreaterThan(0.15)
  })

  it('still works afterwards, on what was accepted and on what comes new', () => opened.workOn(), 90_000)
})

describe('A connection', () => {
  let opened: Awaited<ReturnType<typeof openSocket>>
  beforeAll(async () => {
    opened = await openSocket()
  })
  afterAll(() => opened?.bed.shutDown())

  fuzz(() => opened.door, 'may carry whatever it likes: it is answered or closed')

  it('that carried what could not be read changed nothing, and the next one is served', () => opened.end())
})

describe('A stored row', () => {
  let opened: Awaited<ReturnType<typeof openRows>>
  beforeAll(async () => {
    opened = await openRows()
  })
  afterAll(() => opened?.bed.shutDown())

  fuzz(
    () => opened.door,
    'that another version or a hand has left is shown or told of, and harms nothing beside it',
  )

  it('that was mended leaves nothing behind', async () => {
    const [id = ''] = await opened.work(events.created({ id: 'after-all' }))
    expect(await opened.bed.app.desk.operations.show(id)).toMatchObject({ state: 'done' })
  })
})

describe('The command line', () => {
  let opened: Awaited<ReturnType<typeof openCommandLine>>
  beforeAll(async () => {
    opened = await openCommandLine()
  })
  afterAll(() => opened?.app.shutDown())

  fuzz(
    () => opened.door,
    'ends with an exit code of its contract and says in words what was wrong, whatever it is given',
  )
})
