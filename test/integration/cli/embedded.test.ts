import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { backend } from '../../helpers/app.ts'
import { ipbridge, startIpbridge } from '../../helpers/cli.ts'
import { createDataFolder } from '../../helpers/embedded.ts'

// The queue rides in the embedded database here, so one of the two runs is enough.
describe.skipIf(backend === 'redis')('Commands without a database of their own', { timeout: 90_000 }, () => {
  let data: Awaited<ReturnType<typeof createDataFolder>>
  let env: Record<string, string>
  beforeAll(async () => {
    data = await createDataFolder()
    env = { IPBRIDGE_DATA_DIR: data.folder, PORT: '0' }
  })
  afterAll(() => data.remove())

  it('share the embedded one, also when they are the first and come at once, and leave it stopped', async () => {
    const add = (name: string, cidr: string) =>
      ipbridge(['pool', 'add', '--name', name, '--cidr', cidr], { env })
    const ended = await Promise.all([add('a', '192.0.2.0/25'), add('b', '192.0.2.128/25')])
    expect(ended.map(({ code, err }) => ({ code, err }))).toEqual([
      { code: 0, err: '' },
      { code: 0, err: '' },
    ])
    expect(await data.isRunning()).toBe(false)
    const { out } = await ipbridge(['pool', 'list', '--json'], { env })
    expect(JSON.parse(out).items.map((pool: { name: string }) => pool.name)).toEqual(['a', 'b'])
  })

  it('attach to the one of a running `start`, which prints its admin token this once', async () => {
    const running = startIpbridge(['start'], { env })
    await running.says('Ctrl-C stops it')
    expect(running.out).toMatch(/admin token: ipb_\S+/)
    const listed = await ipbridge(['pool', 'list', '--json'], { env })
    expect(listed.code).toBe(0)
    expect(await data.isRunning()).toBe(true)
    expect((await running.stop()).code).toBe(0)
    expect(await data.isRunning()).toBe(false)

    const again = startIpbridge(['start'], { env })
    await again.says('Ctrl-C stops it')
    expect(again.out).not.toContain('admin token')
    await again.stop()
  })
})
