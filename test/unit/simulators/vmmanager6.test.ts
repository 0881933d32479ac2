import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startVmmanager6, type Vmmanager6 } from '../../../src/simulators/vmmanager6/start.ts'
import { control, send } from '../../helpers/ipmanager.ts'
import { until } from '../../helpers/until.ts'

let panel: Vmmanager6
let token: string
beforeEach(async () => {
  panel = await startVmmanager6()
  const account = { email: 'admin@example.net', password: 'panel-password' }
  token = (await call('POST', '/auth/v4/public/token', account, {})).body.token
})
afterEach(() => panel.stop())

async function call(method: string, path: string, body?: object, headers?: Record<string, string>) {
  const sent = { 'content-type': 'application/json', 'x-xsrf-token': token, cookie: `ses6=${token}` }
  const text = body === undefined ? '' : JSON.stringify(body)
  const answer = await send(panel.url + path, text, { method, headers: headers ?? sent })
  return { status: answer.status, body: JSON.parse(answer.body) }
}
const task = async (number: number) =>
  (await call('GET', `/vm/v3/task?where=${encodeURIComponent(`(consul_id EQ '${number}')`)}`)).body.list[0]
const done = (number: number) =>
  until('the task has ended', async () => ['complete', 'fail'].includes((await task(number)).status))

const making = { name: 'web', cluster: 1, os: 12, ip_addr: { name: '192.0.2.10' } }

describe('The simulated VMmanager 6', () => {
  it('knows nobody without a token in both places', async () => {
    expect(await call('GET', '/vm/v3/host', undefined, {})).toMatchObject({ status: 401 })
    const half = { 'x-xsrf-token': token }
    expect(await call('GET', '/vm/v3/host', undefined, half)).toMatchObject({ status: 401 })
    const wrong = { email: 'admin@example.net', password: 'guess' }
    expect(await call('POST', '/auth/v4/public/token', wrong, {})).toMatchObject({ status: 401 })
  })

  it('makes a machine in a task, and answers with neither its address nor its end', async () => {
    panel.panel.behave({ taskMs: 3_600_000 })
    const { body } = await call('POST', '/vm/v3/host', making)
    expect(Object.keys(body)).toEqual(['id', 'task'])
    expect((await task(body.task)).status).toBe('running')
    panel.books.finishTasks()
    expect((await task(body.task)).status).toBe('complete')
    expect((await call('GET', '/vm/v3/host?where=id+EQ+1')).body).toMatchObject({
      size: 1,
      list: [{ id: 1, name: 'web', state: 'active', ip4: [{ ip: '192.0.2.10' }], ip6: [] }],
    })
    expect((await call('GET', '/vm/v3/host/1/ipv4')).body.list).toMatchObject([{ ip_addr: '192.0.2.10' }])
  })

  it('adds an address, names it, and takes it off, each in a task', async () => {
    const host = panel.books.add('by-hand')
    const add = await call('POST', `/vm/v3/host/${host}/ip`, { ip_addr: { name: '2001:db8::1' } })
    await done(add.body.task)
    const [{ id }] = (await call('GET', `/vm/v3/host/${host}/ipv6`)).body.list
    await done((await call('POST', `/vm/v3/ip/${id}/ptr`, { domain: 'a.example.net' })).body.task)
    expect(panel.books.look(host)?.addresses).toEqual([{ ip: '2001:db8::1', ptr: 'a.example.net' }])
    await done((await call('DELETE', `/vm/v3/ip/${id}`)).body.task)
    expect(panel.books.look(host)?.addresses).toEqual([])
  })

  it.each([
    ['a machine without a name', '/vm/v3/host', { ...making, name: '' }, 400],
    ['a machine of nothing', '/vm/v3/host', { ...making, os: undefined }, 400],
    ['an address that a machine has', '/vm/v3/host/1/ip', { ip_addr: { name: '192.0.2.1' } }, 400],
    ['what is no address', '/vm/v3/host/1/ip', { ip_addr: { name: '192.0.2' } }, 400],
    ['a machine that there is not', '/vm/v3/host/99/ip', { ip_addr: { name: '192.0.2.9' } }, 404],
    ['an address that there is not', '/vm/v3/ip/99/ptr', { domain: 'a.example.net' }, 404],
  ])('refuses %s in its own words', async (_, path, body, status) => {
    panel.books.assign(panel.books.add('one'), '192.0.2.1')
    const refusal = await call('POST', path, body)
    expect(refusal).toMatchObject({ status, body: { error: { code: expect.any(Number) } } })
    expect(refusal.body.error.msg).toMatch(/\w+ \w+/)
  })

  it('lets a task fail, or end well without its effect, on demand', async () => {
    const host = panel.books.add('one')
    for (const [what, status] of [
      ['task-fails', 'fail'],
      ['says-ok', 'complete'],
    ] as const) {
      panel.faults.add({ what, on: 'change', times: 1 })
      const { body } = await call('POST', `/vm/v3/host/${host}/ip`, { ip_addr: { name: '192.0.2.9' } })
      await done(body.task)
      expect((await task(body.task)).status).toBe(status)
      expect(panel.books.look(host)?.addresses).toEqual([])
    }
  })

  it('finds what contains a text, and what is all of several things', async () => {
    for (const name of ['web-1', 'web-2', 'mail']) panel.books.add(name)
    const list = async (where: string) =>
      (await call('GET', `/vm/v3/host?where=${encodeURIComponent(where)}`)).body.list.map(
        ({ name }: { name: string }) => name,
      )
    expect(await list("name CP '%web%'")).toEqual(['web-1', 'web-2'])
    expect(await list("((name CP '%web%') AND (id EQ '2'))")).toEqual(['web-2'])
  })

  it('is controlled by other processes', async () => {
    const controlUrl = panel.controlUrl
    const id = await control(controlUrl, 'books/add', 'by-hand')
    await control(controlUrl, 'books/assign', id, '192.0.2.10')
    expect(await control(controlUrl, 'books/look', id)).toMatchObject({ addresses: [{ ip: '192.0.2.10' }] })
  })
})
