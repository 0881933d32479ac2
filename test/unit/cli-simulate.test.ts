import { describe, expect, it } from 'vitest'
import { startIpbridge } from '../helpers/cli.ts'
import { control, send } from '../helpers/ipmanager.ts'

describe('ipbridge simulate', () => {
  it.each([
    ['vmmanager5', '/vmmgr', 'books/guests'],
    ['vmmanager6', '', 'books/hosts'],
    ['vdsmanager', '/vdsmgr', 'books/guests'],
    ['dcimanager5', '/dcimgr', 'books/guests'],
    ['proxmox', '', 'guests/list'],
  ])('%s runs until it is stopped, and says in JSON where it is', async (panel, path, books) => {
    const program = startIpbridge(['simulate', panel, '--port', '0', '--http', '--json'])
    await program.says('}')
    const { url, controlUrl, fingerprint } = JSON.parse(program.out)
    expect(url).toMatch(new RegExp(`^http://127\\.0\\.0\\.1:\\d+${path}$`))
    expect(fingerprint).toBeNull()
    expect(await control(controlUrl, books)).toHaveLength(['dcimanager5', 'proxmox'].includes(panel) ? 1 : 0)
    expect((await send(url, '', { method: 'GET' })).status).toBeGreaterThan(0)
    expect((await program.stop()).code).toBe(0)
  })

  it('has a certificate of its own, and prints how to pin it', async () => {
    const program = startIpbridge(['simulate', 'vmmanager6', '--port', '0'])
    await program.says('Ctrl-C')
    expect(program.out).toContain('https://127.0.0.1:')
    expect(program.out).toMatch(/--panel vmmanager6 --url https:.*--tls '\{"fingerprint":"[0-9A-F:]{95}"\}'/s)
    expect((await program.stop()).code).toBe(0)
  })
})
