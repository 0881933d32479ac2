import fc from 'fast-check'

/** As much of JSON Schema as the API's document has. */
export interface Schema {
  $ref?: string
  type?: string | string[]
  const?: unknown
  enum?: unknown[]
  oneOf?: Schema[]
  anyOf?: Schema[]
  allOf?: Schema[]
  format?: string
  pattern?: string
  minLength?: number
  maxLength?: number
  minimum?: number
  maximum?: number
  items?: Schema
  minItems?: number
  maxItems?: number
  properties?: Record<string, Schema>
  required?: string[]
  writeOnly?: boolean
}

/** Values for a field by its name: what exists, so that a request gets far. */
export type Dictionary = (field: string) => readonly unknown[] | undefined

/** Makes values that a schema allows, nearly always. */
export function fromSchema(
  schema: Schema,
  components: Record<string, Schema>,
  dictionary: Dictionary,
  field = '',
): fc.Arbitrary<unknown> {
  const inside = (part: Schema, name = field) => fromSchema(part, components, dictionary, name)
  if (schema.$ref) return inside(components[schema.$ref.split('/').at(-1) ?? ''] ?? {})
  const known = dictionary(field)
  if (known) return fc.constantFrom(...known)
  if ('const' in schema) return fc.constant(schema.const)
  if (schema.enum) return fc.constantFrom(...schema.enum)
  const forms = schema.oneOf ?? schema.anyOf
  if (forms) return fc.oneof(...forms.map(form => inside(form)))
  if (Array.isArray(schema.type)) return fc.oneof(...schema.type.map(type => inside({ ...schema, type })))
  switch (schema.type) {
    case 'string':
      return textFor(schema)
    case 'integer':
    case 'number':
      return fc.integer({
        min: Math.ceil(Math.max(schema.minimum ?? 0, -10)),
        max: Math.floor(Math.min(schema.maximum ?? 1_000, 1_000)),
      })
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    case 'array':
      return fc.array(inside(schema.items ?? {}), {
        minLength: schema.minItems ?? 0,
        maxLength: Math.max(schema.minItems ?? 0, Math.min(schema.maxItems ?? 3, 3)),
      })
    case 'object': {
      const properties = Object.entries(schema.properties ?? {}).map(([name, part]) => [
        name,
        inside(part, name),
      ])
      return fc.record(Object.fromEntries(properties), { requiredKeys: (schema.required ?? []) as never[] })
    }
    default:
      return fc.jsonValue({ maxDepth: 2 })
  }
}

function textFor({ format, pattern, minLength = 0, maxLength = 12, allOf }: Schema): fc.Arbitrary<string> {
  if (format === 'date-time') return fc.constantFrom('2026-01-01T00:00:00Z', '2026-03-01T10:00:00.123+02:00')
  if (format === 'uuid') return fc.uuid()
  const rule = pattern ?? allOf?.find(part => part.pattern)?.pattern
  if (rule !== undefined && !rule.includes('\\p'))
    return fc.stringMatching(new RegExp(rule), { size: 'small' })
  return fc.string({ minLength, maxLength: Math.max(minLength, Math.min(maxLength, 12)) })
}
