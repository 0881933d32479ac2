import type { Element } from './element.ts'

/** The tree as an XML document, as `out=xml` gives it. */
export function toXml(root: Element): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${write(root)}\n`
}

function write({ name, attributes, text, children }: Element): string {
  let head = name
  for (const key in attributes) head += ` ${key}="${escapeText(attributes[key] ?? '')}"`
  if (children.length > 0) return `<${head}>${children.map(write).join('')}</${name}>`
  return text === '' ? `<${head}/>` : `<${head}>${escapeText(text)}</${name}>`
}

const special = /[&<>"]/
// biome-ignore lint/suspicious/noControlCharactersInRegex: XML 1.0 has no way to write these
const unwritable = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g

function escapeText(text: string): string {
  const clean = text.replace(unwritable, '')
  if (!special.test(clean)) return clean
  return clean.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;')
}
