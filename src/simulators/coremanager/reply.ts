import { type Element, el } from './element.ts'
import type { Fault, Trouble } from './faults.ts'
import type { Rendered } from './render.ts'

/** How an exchange ends: without an answer, or with one that may break off half-way. */
export type Reply = { kind: 'drop' } | ({ kind: 'answer'; status: number; breaksOff: boolean } & Rendered)

const secrets = new Set(['authinfo', 'auth', 'password', 'passwd', 'confirm', 'key'])

/** `tparams`: the request's parameters, but for what signs in. */
export function echo(params: URLSearchParams): Element {
  const shown = [...params].filter(([name]) => !secrets.has(name) && /^[a-zA-Z][\w.-]*$/.test(name))
  return el(
    'tparams',
    shown.map(([name, value]) => el(name, value)),
  )
}

/** What stands on `<doc>`, as it was captured. */
export function docAttributes(about: { lang: string; func: string; mgr: string; origin: string }) {
  return {
    lang: about.lang,
    func: about.func,
    binary: `/${about.mgr}`,
    host: about.origin,
    themename: 'dragon',
    features: 'ed13b0c2a9f84d5e',
    notify: '',
    theme: '/manimg/dragon/',
    css: 'main.css',
    logo: 'logo.png',
    logolink: '',
    favicon: 'favicon.ico',
    localdir: 'local_dragon/',
  }
}

const html = (title: string, text: string): Rendered => ({
  contentType: 'text/html; charset=UTF-8',
  body: `<!DOCTYPE html>\n<html><head><title>${title}</title></head><body><h1>${title}</h1><p>${text}</p></body></html>\n`,
})

/** What the panel gives without an output format: a page for people. */
export const interfacePage = (): Rendered => html('Control panel', 'This page needs a browser.')

export const notFoundPage = (): Rendered => html('404 Not Found', 'The page was not found on this server.')

/** The whole answer, as it is or as faults leave it. */
export function shape(rendered: Rendered, struck: readonly Fault[]): Reply {
  const reply = { kind: 'answer' as const, status: 200, breaksOff: false, ...rendered }
  for (const fault of struck) {
    switch (fault.what) {
      case 'drop':
        return { kind: 'drop' }
      case 'status':
        return {
          ...reply,
          status: fault.status,
          ...html(`${fault.status}`, 'The server behind did not answer.'),
        }
      case 'empty-body':
        return { ...reply, body: '' }
      case 'html':
        return { ...reply, ...interfacePage() }
      case 'content-type':
        return { ...reply, contentType: fault.contentType ?? 'application/octet-stream' }
      case 'truncated':
        return { ...reply, breaksOff: true }
    }
  }
  return reply
}

/** Whether nothing is to be done of what the request asks. */
export const prevents = (fault: Fault): boolean => !fault.afterEffect && preventing.has(fault.what)

const preventing: ReadonlySet<Trouble> = new Set(['status', 'drop', 'empty-body', 'html', 'no-ok', 'error'])
