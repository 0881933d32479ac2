import { type ErrorCode, IpbridgeError } from '../errors.ts'
import type { HttpClient } from '../http/client.ts'
import { noAnswer } from '../http/failures.ts'
import { type Account, createCredentials, type Entry, type SignInMode } from './account.ts'
import { attributeOf, childOf, type Element, parseDocument, textOf, UnreadableAnswer } from './document.ts'
import { type Fault, faultOf, nameOf, PanelFault } from './fault.ts'
import { type PageOptions, pagesOf } from './paging.ts'

/** Formats that hold a whole document. Both kinds of JSON have the same tree. */
export const formats = ['json', 'sjson', 'xml'] as const
export type Format = (typeof formats)[number]

export interface CoreManagerOptions {
  http: HttpClient
  /** The panel's own name, the last part of its path: ipmgr, vmmgr, vemgr, vdsmgr, dcimgr, billmgr. */
  manager: string
  account: Account
  mode?: SignInMode
  format?: Format
  /** For sign-in by one-time key: the administrator that makes the keys. */
  keyMaker?: CoreManager
}

export type Params = Record<string, string>

export type CoreManager = ReturnType<typeof createCoreManager>

/**
 * The interface of COREmanager panels (facts, section 1), for one account: IPmanager 5, VMmanager 5, VDSmanager 4,
 * DCImanager 5 and BILLmanager speak it. One URL, the operation is the parameter `func`; everything is sent in the
 * body, so that no credentials end up in a log of URLs; errors come with the status 200.
 *
 * A fault that means something only to the caller (`value`, `missed`, `exists`, `limit`) is thrown as PanelFault.
 */
export function createCoreManager(options: CoreManagerOptions) {
  const { http, manager, account, mode = 'authinfo', format = 'json', keyMaker } = options
  const { whom, side, kind } = http.target
  const refused: ErrorCode = side === 'ipam' ? 'ipam_refused' : 'panel_refused'

  const credentials = createCredentials(account, mode, {
    enter: signIn,
    ...(keyMaker === undefined
      ? {}
      : {
          async giveKey(username, key, signal) {
            await keyMaker.read('session.newkey', { username, key }, signal)
          },
        }),
  })

  /** One call, as it is. @returns a document without a fault */
  async function exchange(params: Params, changes: boolean, signal: AbortSignal): Promise<Element> {
    const { text } = await http.send({ form: { out: format, lang: 'en', ...params }, changes }, signal)
    const doc = read(text, changes)
    const binary = attributeOf(doc, 'binary')
    if (binary !== undefined && binary.split('/').at(-1) !== manager) {
      const why = `at this URL is ${scrub(binary)}, not ${kind} (/${manager}); check the URL`
      throw new IpbridgeError('wrong_panel', `${whom}: ${why}`)
    }
    const fault = faultOf(doc)
    if (fault) throw failureOf(fault, params['func'] ?? '', changes)
    return doc
  }

  function read(text: string, changes: boolean): Element {
    try {
      return parseDocument(text)
    } catch (error) {
      if (error instanceof UnreadableAnswer)
        throw Unreadable.of(noAnswer(http.target, error.message, changes))
      throw error
    }
  }

  /** A fault as one of our errors. */
  function failureOf(fault: Fault, func: string, changes: boolean): IpbridgeError {
    const text = scrub(fault.text)
    const told = `${nameOf(fault)}${text === '' ? '' : `: ${text}`}`
    if (fault.type === 'auth') {
      const why = `does not accept the login ${account.login} and its password, or not from here (restricted authinfo, list of addresses, two-factor sign-in)`
      return new PanelFault('bad_credentials', `${whom} ${why}; it says ${told}`, fault)
    }
    if (fault.type === 'access') {
      return new PanelFault(
        'access_denied',
        `${whom} does not let ${account.login} call ${func}; it says ${told}`,
        fault,
      )
    }
    if (fault.type === 'missed' && fault.object === 'func') {
      const why = `has no function ${func}: is it ${kind}, and is its version right? It says ${told}`
      return new PanelFault('wrong_panel', `${whom} ${why}`, fault)
    }
    if (fault.internal) {
      const { code, message, outcome } = noAnswer(
        http.target,
        `it failed inside at ${func}; it says ${told}`,
        changes,
      )
      return new PanelFault(code, message, fault, outcome === 'unknown' ? { outcome } : {})
    }
    const licence = fault.type === 'license' ? ' because of its licence' : ''
    return new PanelFault(refused, `${whom} refused ${func}${licence}; it says ${told}`, fault)
  }

  async function signIn(params: Params, signal: AbortSignal): Promise<Entry> {
    const doc = await exchange({ func: 'auth', ...params }, false, signal)
    const auth = childOf(doc, 'auth')
    const session = attributeOf(auth, 'id') ?? textOf(auth)
    if (!session) throw noAnswer(http.target, 'it accepted the sign-in, but gave no session', false)
    const level = Number(attributeOf(auth, 'level'))
    return { session, ...(level > 0 ? { level } : {}) }
  }

  /** One call in the name of the account; a session that ended is renewed once. */
  async function call(params: Params, changes: boolean, signal: AbortSignal): Promise<Element> {
    for (let renewed = false; ; renewed = true) {
      const signedIn = await signedInParams(signal)
      try {
        return await exchange({ ...params, ...signedIn }, changes, signal)
      } catch (error) {
        if (!isAuthFault(error)) throw error
        if (renewed || !(await credentials.ended(signedIn))) {
          credentials.refuse(error)
          throw error
        }
      }
    }
  }

  async function signedInParams(signal: AbortSignal): Promise<Params> {
    try {
      return await credentials.params(signal)
    } catch (error) {
      if (isAuthFault(error)) credentials.refuse(error)
      throw error
    }
  }

  /** A look: JSON that cannot be read is asked for once more as XML. */
  async function look(func: string, params: Params, signal: AbortSignal): Promise<Element> {
    try {
      return await call({ func, ...params }, false, signal)
    } catch (error) {
      if (!(error instanceof Unreadable) || format === 'xml' || params['out'] !== undefined) throw error
      return call({ func, ...params, out: 'xml' }, false, signal)
    }
  }

  /** Text of the panel, which may have echoed what we sent. */
  function scrub(text: string): string {
    return credentials.secrets().reduce((shown, secret) => shown.replaceAll(secret, '[secret]'), text)
  }

  return {
    login: account.login,
    http,

    /** Reads a form or whatever changes nothing. */
    read: look,

    /**
     * Submits a change, and has it confirmed: a panel that dies on the way answers with neither `ok` nor an error.
     * @throws outcome_unknown where it may have been done
     */
    async change(func: string, params: Params, signal: AbortSignal): Promise<Element> {
      const doc = await call({ func, sok: 'ok', ...params }, true, signal)
      if (childOf(doc, 'ok')) return doc
      throw noAnswer(http.target, `it did not confirm ${func}`, true)
    },

    /** The rows of a list, page by page, whatever filter the account has saved. @throws where the list is not whole */
    pages(func: string, params: Params, paging: PageOptions, signal: AbortSignal): AsyncGenerator<Element[]> {
      const ask = (page: Params) => look(func, { filter: 'off', ...params, ...page }, signal)
      return pagesOf(ask, { ...paging, func }, why => noAnswer(http.target, why, false))
    },

    /** Signs in once more, which shows the level of the account. */
    enter: (signal: AbortSignal): Promise<Entry> => credentials.enter(signal),
  }
}

/** An answer that is no document: a look may be repeated in another format. */
class Unreadable extends IpbridgeError {
  static of({ code, message, outcome }: IpbridgeError): Unreadable {
    return new Unreadable(code, message, outcome === 'unknown' ? { outcome } : {})
  }
}

function isAuthFault(error: unknown): error is PanelFault {
  return error instanceof PanelFault && error.fault.type === 'auth'
}
