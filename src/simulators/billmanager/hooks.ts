import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Call, Outcome } from '../coremanager/panel.ts'
import { renderOutcome } from '../coremanager/render.ts'
import { docAttributes, echo } from '../coremanager/reply.ts'

/** One run of a plugin. */
export interface HookRun {
  event: string
  handler: string
  stage: 'after' | 'final'
  ms: number
  code: number | null
  /** Whether it printed the document as it came. */
  unchanged: boolean
  stderr: string
}

interface Registered {
  event: string
  handler: string
  stage: HookRun['stage']
}

/**
 * Runs plugins as the panel does (the fact sheet, 4.6): those that `etc/xml/billmgr_mod_*.xml` registers, from
 * `addon`, as processes that the panel waits for; after-events when the action has succeeded, for a form that is
 * merely opened too. While one runs, the panel answers nobody.
 * @param folder the panel's folder, such as /usr/local/mgr5; undefined: there are no plugins
 */
export function createHooks(folder: string | undefined) {
  const registered = folder === undefined ? [] : readHandlers(join(folder, 'etc', 'xml'))
  const runs: HookRun[] = []

  function run({ event, handler, stage }: Registered, call: Call, document: string): void {
    const params = [...call.params].filter(([name]) => name !== 'authinfo' && name !== 'auth')
    const env = {
      PATH: '/usr/bin:/bin',
      ...Object.fromEntries(params.map(([name, value]) => [`PARAM_${name}`, value])),
      PARAM_func: call.func,
      AUTH_USER: call.account.name,
      AUTH_LEVEL: String(call.account.level),
      EVENT_TYPE: stage,
    }
    const began = performance.now()
    const ran = spawnSync(join(folder ?? '', 'addon', handler), { input: document, env, timeout: 10_000 })
    runs.push({
      event,
      handler,
      stage,
      ms: performance.now() - began,
      code: ran.status,
      unchanged: ran.stdout?.toString() === document,
      stderr: ran.stderr?.toString() ?? '',
    })
  }

  return {
    runs,
    /** What happens around a call that has succeeded. */
    after(call: Call, outcome: Outcome): void {
      const due = registered.filter(({ event }) => event === call.func)
      if (due.length === 0) return
      const { body } = renderOutcome('xml', outcome, {
        mgr: 'billmgr',
        func: call.func,
        attributes: docAttributes({ lang: call.lang, func: call.func, mgr: 'billmgr', origin: '' }),
        trailer: [echo(call.params)],
        oneRow: 'object',
      })
      for (const one of due) run(one, call, body)
    },
  }
}

function readHandlers(folder: string): Registered[] {
  const files = readdirSync(folder).filter(name => /^billmgr_mod_\w+\.xml$/.test(name))
  return files.flatMap(file => {
    const text = readFileSync(join(folder, file), 'utf8').replace(/<!--.*?-->/gs, '')
    return [...text.matchAll(/<handler\s+name="(\w+)"[^>]*>(.*?)<\/handler>/gs)].flatMap(
      ([, handler = '', body = '']) =>
        [...body.matchAll(/<event\s+([^>]*)\/>/g)].flatMap(([, attributes = '']) => {
          const event = /name="([^"]+)"/.exec(attributes)?.[1] ?? ''
          const stages = ['after', 'final'] as const
          return stages
            .filter(stage => attributes.includes(`${stage}="yes"`))
            .map(stage => ({ event, handler, stage }))
        }),
    )
  })
}
