import { z } from 'zod'
import { WrongUse } from './failure.ts'

/** How the values of a field are written on the command line. */
export type TextKind = 'text' | 'number' | 'yes or no' | 'list' | 'json'

/** What is wrapped in `optional`, `default`, `nullable` and transformations. */
export function coreOf(type: z.ZodType): z.ZodType {
  const { innerType, in: input } = type.def as { innerType?: z.ZodType; in?: z.ZodType }
  const inner = innerType ?? (type.def.type === 'pipe' ? input : undefined)
  return inner ? coreOf(inner) : type
}

export function kindOf(type: z.ZodType): TextKind {
  if (isYesOrNo(type)) return 'yes or no'
  switch (coreOf(type).def.type) {
    case 'number':
    case 'int':
      return 'number'
    case 'array':
      return 'list'
    case 'object':
    case 'record':
      return 'json'
    default:
      return 'text'
  }
}

/**
 * Makes the value that a field takes out of what was typed. What cannot be one stays text: the schema says what
 * is wrong with it.
 *
 * @param text once, or for a list as often as it was given; each may hold several, with commas between them
 * @param label names the field in an error
 * @throws WrongUse for JSON that is none
 */
export function valueFrom(type: z.ZodType, text: string | string[], label: string): unknown {
  if (Array.isArray(text)) {
    return text.flatMap(part => valueFrom(type, part, label) as unknown[])
  }
  if (text === 'null' && isNullable(type)) return null
  const core = coreOf(type)
  switch (core.def.type) {
    case 'number':
    case 'int':
      return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text
    case 'boolean':
    case 'literal':
      return text === 'true' ? true : text === 'false' ? false : text
    case 'array': {
      if (text.startsWith('[')) return parseJson(text, label)
      const { element } = (core as z.ZodArray<z.ZodType>).def
      const parts = text.split(',').map(part => part.trim())
      return parts.filter(part => part !== '').map(part => valueFrom(element, part, label))
    }
    case 'object':
    case 'record':
      return parseJson(text, label)
    default:
      return text
  }
}

/** Also one that comes as the text `true` or `false`, or can only be true. */
function isYesOrNo(type: z.ZodType): boolean {
  const core = coreOf(type)
  if (core instanceof z.ZodLiteral) return core.values.has(true)
  return core instanceof z.ZodBoolean || type.meta()?.['type'] === 'boolean'
}

function isNullable(type: z.ZodType): boolean {
  const { innerType } = type.def as { innerType?: z.ZodType }
  return type.def.type === 'nullable' || (innerType !== undefined && isNullable(innerType))
}

/** @throws WrongUse */
export function parseJson(text: string, label: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new WrongUse(`${label} takes JSON, such as '{"name":"value"}'; this is none`)
  }
}

/** The schema of a member of an object or list; undefined where anything, or nothing, may be there. */
export function memberOf(type: z.ZodType | undefined, key: string): z.ZodType | undefined {
  if (type === undefined) return undefined
  const core = coreOf(type)
  if (core instanceof z.ZodObject) {
    return Object.hasOwn(core.shape, key) ? (core.shape[key] as z.ZodType) : undefined
  }
  if (core instanceof z.ZodArray) return core.element as z.ZodType
  if (core instanceof z.ZodUnion) {
    const forms = core.options as z.ZodType[]
    return forms.map(form => memberOf(form, key)).find(found => found !== undefined)
  }
  return undefined
}
