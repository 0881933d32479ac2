import { type Command, Option } from 'commander'
import { z } from 'zod'
import { faultsOf } from '../domain/faults.ts'
import { IpbridgeError } from '../errors.ts'
import { WrongUse } from './failure.ts'
import { readJsonFile, readStandardInput } from './input.ts'
import { kindOf, type TextKind, valueFrom } from './text-value.ts'

/** A field of a schema, as a flag of the command line. */
interface Field {
  name: string
  /** In kebab case, such as `quarantine-seconds`. */
  flag: string
  kind: TextKind
  secret: boolean
  help: string
}

type ObjectSchema = z.ZodObject<z.ZodRawShape>

/**
 * Gives a command a flag for every field of a schema, in kebab case and (not shown) as the API spells it. A
 * secret can also come from standard input or from an environment variable, which keeps it out of the list of
 * processes.
 */
export function addFieldFlags(command: Command, schema: ObjectSchema): Command {
  for (const field of fieldsOf(schema)) {
    command.addOption(flagOf(field, field.flag))
    if (field.flag !== field.name) command.addOption(flagOf(field, field.name).hideHelp())
    if (field.secret) {
      command
        .addOption(new Option(`--${field.flag}-stdin`, `read the ${field.flag} from standard input`))
        .addOption(
          new Option(`--${field.flag}-env <name>`, `take the ${field.flag} from this environment variable`),
        )
    }
  }
  return command
}

/** Adds `--file`, which gives all fields as one JSON object; flags come before what the file says. */
export function addFileFlag(command: Command): Command {
  return command.option('--file <file>', 'take the fields from a JSON file (- is standard input); flags win')
}

/**
 * Reads the fields that the flags and the file gave, and checks them.
 * @throws invalid_request naming each bad field and what it takes
 */
export async function readFields<T extends ObjectSchema>(
  schema: T,
  options: Record<string, unknown>,
): Promise<z.output<T>> {
  const file = options['file']
  const input: Record<string, unknown> = typeof file === 'string' ? await readJsonFile(file) : {}
  const types = schema.shape as Record<string, z.ZodType>
  for (const field of fieldsOf(schema)) {
    const text = await textOf(field, options)
    const type = types[field.name]
    if (text !== undefined && type) input[field.name] = valueFrom(type, text, `--${field.flag}`)
  }
  return check(schema, input)
}

/** Checks fields against their schema. @throws invalid_request in terms of flags */
export function check<T extends ObjectSchema>(schema: T, input: Record<string, unknown>): z.output<T> {
  const result = schema.safeParse(input)
  if (result.success) return result.data
  const flags = new Map(fieldsOf(schema).map(({ name, flag }) => [name, `--${flag}`]))
  const faults = faultsOf(result.error, input).map(({ pointer, message }) => {
    const [name = '', ...rest] = pointer.slice(1).split('/')
    return { name, text: `${[flags.get(name) ?? name, ...rest].join('.')} ${message}` }
  })
  const strange = faults.some(({ name }) => !flags.has(name))
  const accepted = strange ? `; accepted are ${[...flags.keys()].join(', ')}` : ''
  throw new IpbridgeError('invalid_request', `${faults.map(({ text }) => text).join('; ')}${accepted}`)
}

async function textOf(
  field: Field,
  options: Record<string, unknown>,
): Promise<string | string[] | undefined> {
  const given = options[field.name] ?? options[attributeOf(field.flag)]
  if (!field.secret) return given as string | string[] | undefined
  const variable = options[attributeOf(`${field.flag}-env`)]
  const piped = options[attributeOf(`${field.flag}-stdin`)] === true
  if ([given !== undefined, variable !== undefined, piped].filter(Boolean).length > 1) {
    throw new WrongUse(
      `give --${field.flag}, --${field.flag}-stdin or --${field.flag}-env, and only one of them`,
    )
  }
  if (piped) return (await readStandardInput()).replace(/\r?\n$/, '')
  if (variable === undefined) return given as string | undefined
  const value = process.env[String(variable)]
  if (value) return value
  throw new WrongUse(`--${field.flag}-env: the environment variable ${variable} is not set`)
}

function fieldsOf(schema: ObjectSchema): Field[] {
  return Object.entries(schema.shape as Record<string, z.ZodType>).map(([name, type]) => {
    const flag = name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
    const meta = metaOf(type)
    const secret = meta['writeOnly'] === true
    return { name, flag, kind: kindOf(type), secret, help: helpOf(type, meta, secret, flag) }
  })
}

function flagOf({ kind, help }: Field, flag: string): Option {
  if (kind === 'yes or no') return new Option(`--${flag} [true|false]`, help).preset('true')
  if (kind === 'list') {
    return new Option(`--${flag} <values>`, help).argParser((text: string, before: string[] | undefined) => [
      ...(before ?? []),
      text,
    ])
  }
  return new Option(`--${flag} <${kind}>`, help)
}

function helpOf(type: z.ZodType, meta: Record<string, unknown>, secret: boolean, flag: string): string {
  const accepted = choicesOf(type)
  const fallback = type.def.type === 'default' ? (type as z.ZodDefault).def.defaultValue : undefined
  return [
    ...(type.safeParse(undefined).success ? [] : ['required']),
    ...(secret
      ? [`seen by all users of this host; rather use --${flag}-stdin or --${flag}-env`]
      : [meta['description'] ?? []].flat()),
    ...(accepted ? [`one of ${accepted.join(', ')}`] : []),
    ...(meta['example'] === undefined ? [] : [`such as ${meta['example']}`]),
    ...(kindOf(type) === 'list' ? ['several with commas, or the flag several times'] : []),
    ...(typeof fallback === 'string' ? [`default: ${fallback}`] : []),
  ].join('; ')
}

/** What the schema says about itself, at whatever depth (`optional` and the like wrap it). */
function metaOf(type: z.ZodType): Record<string, unknown> {
  const inner = (type.def as { innerType?: z.ZodType }).innerType
  return { ...(inner ? metaOf(inner) : {}), ...type.meta() }
}

function choicesOf(type: z.ZodType): string[] | undefined {
  const inner = (type.def as { innerType?: z.ZodType }).innerType
  if (inner) return choicesOf(inner)
  return type instanceof z.ZodEnum ? type.options.map(String) : undefined
}

/** The key under which commander keeps a flag's value. */
function attributeOf(flag: string): string {
  return flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
}
