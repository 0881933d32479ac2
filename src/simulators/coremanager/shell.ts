import { setTimeout as sleep } from 'node:timers/promises'
import type { Accounts } from './accounts.ts'
import { el } from './element.ts'
import type { createFaults, Fault, ListFault, Trouble } from './faults.ts'
import type { OneRow } from './json.ts'
import { type Account, levels, type Outcome, type PanelFunction } from './panel.ts'
import { errorElement, numberedError, PanelError, type Refusal } from './panel-error.ts'
import { type Format, isFormat, type Rendered, renderError, renderOutcome } from './render.ts'
import { docAttributes, echo, interfacePage, prevents, type Reply, shape } from './reply.ts'
import { createSessions, type SessionRules } from './sessions.ts'
import { type Caller, claimedName, createSignIn } from './sign-in.ts'
import { createTraffic } from './traffic.ts'

export interface ShellRules extends SessionRules {
  oneRow: OneRow
  /** From where `authinfo` is accepted at all, whoever signs in (the fact sheet, 1.2). Default: everywhere. */
  restrictAuthinfo?: readonly string[] | undefined
  /** How it says what it refuses: panels of version 4 have numbers. Default: named. */
  errors?: 'named' | 'numbered' | undefined
}

export interface ShellOptions<A extends Account> {
  /** The panel's own name: `ipmgr`, `vmmgr`, … It is also its path. */
  mgr: string
  accounts: Accounts<A>
  functions: Record<string, PanelFunction<A>>
  faults: ReturnType<typeof createFaults>
  /** May change while the panel runs. */
  rules: ShellRules
  now: () => number
}

export interface ShellRequest extends Caller {
  /** The panel's own address, as the caller knows it. */
  origin: string
}

const nothing: Outcome = { kind: 'form', content: [] }
const pretended: Outcome = { kind: 'done', content: [el('ok')] }

/**
 * What all COREmanager panels share: one address, the function in `func`, three ways to sign in, output formats,
 * errors under HTTP 200 (the fact sheet, section 1); and faults on demand.
 */
export function createShell<A extends Account>(options: ShellOptions<A>) {
  const { accounts, faults, rules, now } = options
  const sessions = createSessions(rules, now)
  const signIn = createSignIn(accounts, sessions, rules)
  const traffic = createTraffic()
  const common: Record<string, PanelFunction<A>> = {
    'session.newkey': { level: levels.admin, run: signIn.newKey },
    whoami: {
      level: levels.user,
      run({ account }) {
        const user = el('user', account.name, { level: String(account.level) })
        return { kind: 'form', content: [el('pid', String(process.pid)), user] }
      },
    },
  }

  /** Does what is asked, and answers. */
  function respond(request: ShellRequest, out: Format, struck: Fault[]): Rendered {
    const { params, origin } = request
    const func = params.get('func') ?? ''
    const lang = params.get('lang') ?? 'en'
    const mgr = kind(struck, 'other-panel').map(fault => fault.mgr ?? 'vmmgr')[0] ?? options.mgr
    let stack = { lang, func, user: '', level: 0 }

    function act(): { outcome: Outcome; cookie?: string } {
      if (func === 'auth') {
        const { id, outcome } = signIn.auth(request)
        return { outcome, cookie: `${mgr}ses5=${id}; path=/; HttpOnly` }
      }
      const account = signIn.identify(request)
      stack = { lang, func, user: account.name, level: account.level }
      const panelFunction =
        own(common, func) ?? (mgr === options.mgr ? own(options.functions, func) : undefined)
      if (!panelFunction) throw new PanelError({ type: 'missed', object: 'func', value: func })
      if (account.level < panelFunction.level) throw new PanelError({ type: 'access', object: func })
      return {
        outcome: panelFunction.run({ func, params, account, lang, listFault: struck.find(isListFault) }),
      }
    }

    const elementOf = rules.errors === 'numbered' ? numberedError : errorElement
    const refuse = (refusal: Refusal) => renderError(out, elementOf(refusal, stack), refusal, rules.oneRow)
    const instead =
      kind(struck, 'says-ok').length > 0 ? pretended : struck.some(prevents) ? nothing : undefined
    try {
      const { outcome, cookie } = instead ? { outcome: instead } : act()
      const [refused] = kind(struck, 'error')
      if (refused) return refuse(refused.error)
      const rendered = renderOutcome(out, kind(struck, 'no-ok').length > 0 ? nothing : outcome, {
        mgr,
        func,
        attributes: docAttributes({ lang, func, mgr, origin }),
        trailer: [el('saved_filters'), echo(params)],
        oneRow: rules.oneRow,
      })
      return cookie ? { ...rendered, cookie } : rendered
    } catch (error) {
      if (error instanceof PanelError) return refuse(error.refusal)
      throw error
    }
  }

  return {
    sessions,
    traffic,

    /**
     * Answers one request.
     * @param signal ends the waiting of slow answers
     */
    async handle(request: ShellRequest, signal: AbortSignal): Promise<Reply> {
      const { params } = request
      const func = params.get('func') ?? ''
      const over = traffic.begin(func)
      try {
        const struck = faults.strike({ func, params, user: claimedName(params) })
        if (kind(struck, 'session-expired').length > 0) sessions.expire()
        const [slow] = kind(struck, 'slow')
        if (slow && !slow.afterEffect) await sleep(slow.ms, undefined, { signal })
        const out = params.get('out')
        const rendered = isFormat(out)
          ? respond(request, out, struck)
          : { ...respond(request, 'xml', struck), ...interfacePage() }
        if (slow?.afterEffect) await sleep(slow.ms, undefined, { signal })
        return shape(rendered, struck)
      } finally {
        over()
      }
    },
  }
}

export type Shell = ReturnType<typeof createShell>

const isListFault = (fault: Fault): fault is ListFault =>
  fault.what === 'empty-list' || fault.what === 'half-list' || fault.what === 'same-page'

/** The function of that name; not what every object has besides, such as `constructor`. */
function own<F>(functions: Record<string, F>, func: string): F | undefined {
  return Object.hasOwn(functions, func) ? functions[func] : undefined
}

function kind<W extends Trouble>(struck: Fault[], what: W): Extract<Fault, { what: W }>[] {
  return struck.filter((fault): fault is Extract<Fault, { what: W }> => fault.what === what)
}
