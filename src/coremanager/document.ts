import { XMLParser, XMLValidator } from 'fast-xml-parser'

/**
 * An element of an answer of a COREmanager panel, as its JSON has it (facts, section 1.5): attribute x is `$x`,
 * text is `$`, a repeated element is an array, an empty one is `{}`. XML is brought to the same shape.
 */
export type Element = Readonly<Record<string, unknown>>

/** Text that is not an answer of such a panel. The message is the rest of a sentence about who sent it. */
export class UnreadableAnswer extends Error {
  override name = 'UnreadableAnswer'
}

const xml = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '$',
  textNodeName: '$',
  alwaysCreateTextNode: true,
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false,
  ignoreDeclaration: true,
  ignorePiTags: true,
  // Only for numeric references and the usual named ones: a document that declares entities is refused before.
  htmlEntities: true,
})

/**
 * Reads an answer, whichever of the two formats it is in.
 * @returns its root, `doc`
 * @throws UnreadableAnswer
 */
export function parseDocument(text: string): Element {
  const body = text.trimStart()
  if (body === '') throw new UnreadableAnswer('it answered with nothing')
  if (/^<(!doctype\s+)?html/i.test(body)) {
    throw new UnreadableAnswer(
      'it answered with a web page; is another program at this URL, or a proxy before it?',
    )
  }
  const parsed = body.startsWith('<') ? parseXml(body) : parseJson(body)
  if (!isElement(parsed)) throw new UnreadableAnswer('its answer is no document of such a panel')
  const doc = parsed['doc']
  // An empty `<doc/>` and `"doc": ""` say nothing, but they are documents.
  if (isElement(doc)) return doc
  if (doc === '' || doc === null) return {}
  // The flat format `bjson` has no root.
  if (isElement(parsed['error']) || isElement(parsed['model'])) {
    return { ...(isElement(parsed['model']) ? parsed['model'] : {}), ...parsed }
  }
  throw new UnreadableAnswer('its answer is no document of such a panel')
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new UnreadableAnswer('its answer is broken JSON')
  }
}

function parseXml(text: string): unknown {
  // Entities that a document declares itself can make it grow without bounds or read files; panels need none.
  if (/<!(doctype|entity)/i.test(text))
    throw new UnreadableAnswer('its answer declares entities, which is refused')
  try {
    if (XMLValidator.validate(text) === true) return xml.parse(text)
  } catch {
    // Said below.
  }
  throw new UnreadableAnswer('its answer is broken XML')
}

/** The elements of that name: none, one or many. */
export function childrenOf(parent: Element | undefined, name: string): Element[] {
  const found = own(parent, name)
  if (found === undefined || found === null) return []
  return (Array.isArray(found) ? found : [found]).map(child => (isElement(child) ? child : { $: child }))
}

/** The first element of that name. */
export function childOf(parent: Element | undefined, name: string): Element | undefined {
  return childrenOf(parent, name)[0]
}

/** The machine's value of an element: `$orig` where there is one, since `$` may be translated. */
export function textOf(element: Element | undefined): string {
  const text = own(element, '$orig') ?? own(element, '$') ?? ''
  return typeof text === 'object' ? '' : String(text).trim()
}

/** The value of the first element of that name; undefined where there is none, '' where it is empty. */
export function fieldOf(parent: Element | undefined, name: string): string | undefined {
  const child = childOf(parent, name)
  return child && textOf(child)
}

/** The value of the first of these elements that is there and not empty. */
export function firstField(parent: Element | undefined, names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = fieldOf(parent, name)
    if (value) return value
  }
  return undefined
}

export function attributeOf(element: Element | undefined, name: string): string | undefined {
  const value = own(element, `$${name}`)
  return value === undefined || value === null || typeof value === 'object' ? undefined : String(value)
}

/** Every element below, itself included, that has this name. */
export function* descendants(parent: Element, name: string): Generator<Element> {
  for (const key of Object.keys(parent)) {
    if (key.startsWith('$')) continue
    for (const child of childrenOf(parent, key)) {
      if (key === name) yield child
      yield* descendants(child, name)
    }
  }
}

function own(element: Element | undefined, name: string): unknown {
  return element !== undefined && Object.hasOwn(element, name) ? element[name] : undefined
}

function isElement(value: unknown): value is Element {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
