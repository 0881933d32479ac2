/**
 * One node of a panel's answer. Every output format is a reading of the same tree.
 * Names come from the simulator's own code or are checked before: they are never escaped.
 */
export interface Element {
  name: string
  attributes: Readonly<Record<string, string>>
  text: string
  children: readonly Element[]
}

const none: Readonly<Record<string, string>> = {}
const childless: readonly Element[] = []

/**
 * Makes an element.
 * @param content its text, or its children
 */
export function el(
  name: string,
  content: string | readonly Element[] = '',
  attributes: Readonly<Record<string, string>> = none,
): Element {
  return typeof content === 'string'
    ? { name, attributes, text: content, children: childless }
    : { name, attributes, text: '', children: content }
}

/** The first child of that name. */
export function child(element: Element, name: string): Element | undefined {
  return element.children.find(one => one.name === name)
}
