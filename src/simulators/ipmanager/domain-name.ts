import { PanelError } from '../coremanager/panel-error.ts'

const label = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i

/**
 * A PTR as the panel stores it: with a dot at the end, as its help text advises (the fact sheet, 2.5); empty for none.
 * @throws value(domain)
 */
export function storedDomain(text: string): string {
  const name = text.trim().replace(/\.$/, '')
  if (name === '') return ''
  if (name.length > 253 || !name.split('.').every(part => label.test(part))) {
    throw new PanelError({ type: 'value', object: 'domain', value: text })
  }
  return `${name}.`
}
