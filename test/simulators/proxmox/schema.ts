import { readFileSync } from 'node:fs'
import { checkValue, type Rule } from './schema-values.ts'

// The published schema as the judge of requests: the simulator refuses what it does not allow, as Proxmox VE does.

interface Endpoint {
  parameters: Record<string, Rule>
  /** Parameters that are known by name alone. */
  otherParameters: string[]
}

const file = new URL('../../fixtures/proxmox-api.json', import.meta.url)
const { endpoints } = JSON.parse(readFileSync(file, 'utf8')) as { endpoints: Record<string, Endpoint> }

const table = Object.entries(endpoints).map(([name, endpoint]) => {
  const [method = '', template = ''] = name.split(' ')
  return { method, endpoint, parts: template.split('/') }
})

interface Matched {
  endpoint: Endpoint
  /** The parameters in the path. */
  path: Record<string, string>
}

/** The endpoint that a request is for, if the schema has it. */
function match(method: string, path: string): Matched | undefined {
  const given = path.split('/')
  for (const { endpoint, parts, ...row } of table) {
    if (row.method !== method || parts.length !== given.length) continue
    const found: Record<string, string> = {}
    const fits = parts.every((part, index) => {
      const text = given[index] ?? ''
      if (!part.startsWith('{')) return part === text
      found[part.slice(1, -1)] = decodeURIComponent(text)
      return text !== ''
    })
    if (fits) return { endpoint, path: found }
  }
  return undefined
}

/** What is wrong with a request, by parameter; nothing where it is as the schema says. */
export function violations(
  method: string,
  place: string,
  given: Record<string, string>,
): Record<string, string> {
  const matched = match(method, place)
  if (matched === undefined) return { [`${method} ${place}`]: 'is not in the schema' }
  const { endpoint, path } = matched
  const { parameters, otherParameters } = endpoint
  const all = { ...given, ...path }
  const wrong: Record<string, string> = {}
  for (const [name, value] of Object.entries(all)) {
    const rule = parameters[name] ?? parameters[name.replace(/\d+$/, '[n]')]
    if (rule) {
      const why = checkValue(rule, value)
      if (why !== undefined) wrong[name] = why
      if (typeof rule.requires === 'string' && !(rule.requires in all))
        wrong[name] = `requires ${rule.requires}`
    } else if (!otherParameters.includes(name) && !otherParameters.includes(name.replace(/\d+$/, '[n]'))) {
      wrong[name] = 'property is not defined in schema and the schema does not allow additional properties'
    }
  }
  for (const [name, rule] of Object.entries(parameters)) {
    if (!rule.optional && !(name in all)) wrong[name] = 'property is missing and it is not optional'
  }
  return wrong
}
