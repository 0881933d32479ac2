import type { z } from 'zod'
import { type EventType, eventData, eventTypes } from '../domain/events.ts'
import { parseEvent } from '../domain/parse-event.ts'
import { IpbridgeError } from '../errors.ts'
import { WrongUse } from './failure.ts'
import { coreOf, memberOf, parseJson, valueFrom } from './text-value.ts'

/** The attributes of an event that are not in its data. */
export interface EventAttributes {
  source: string
  id: string
  time?: string | undefined
  sequence?: string | undefined
}

type Container = Record<string, unknown> | unknown[]

/**
 * Makes a CloudEvent out of arguments. `a.b=text` sets a field of its data, at whatever depth, to what the event's
 * schema wants there; `a.b:=json` sets it to that JSON.
 *
 * @throws WrongUse for arguments that have another form; invalid_event for an event that would be refused, with
 * what is accepted instead
 */
export function eventOf(
  type: string,
  pairs: readonly string[],
  attributes: EventAttributes,
  now: Date,
): object {
  const schema = eventTypes.includes(type as EventType) ? eventData[type as EventType] : undefined
  const data: Record<string, unknown> = {}
  for (const pair of pairs) assign(data, schema, pair)
  const { time, sequence, ...always } = attributes
  const event = {
    specversion: '1.0',
    ...always,
    type,
    ...(time === undefined ? {} : { time }),
    ...(sequence === undefined ? {} : { sequence }),
    data,
  }
  const parsed = parseEvent(event, now)
  if ('event' in parsed) return event
  const faults = parsed.faults.map(({ pointer, message }) => `${nameOf(pointer)} ${message}`)
  throw new IpbridgeError('invalid_event', `${faults.join('; ')}${acceptedBy(schema, parsed.faults)}`)
}

function assign(data: Record<string, unknown>, schema: z.ZodType | undefined, pair: string): void {
  const at = pair.indexOf('=')
  const isJson = pair[at - 1] === ':'
  const path = pair.slice(0, isJson ? at - 1 : at)
  const keys = path.split('.')
  if (at < 1 || keys.some(key => key === '' || key === '__proto__')) {
    throw new WrongUse(
      `${JSON.stringify(pair)} is not of the form name=value, such as service.id=10542 or addresses.0.family=ipv6`,
    )
  }
  const text = pair.slice(at + 1)
  let type = schema
  let container: Container = data
  for (const [depth, key] of keys.entries()) {
    type = memberOf(type, key)
    const slot = slotOf(container, key, path)
    if (depth === keys.length - 1) {
      put(container, slot, isJson ? parseJson(text, path) : type ? valueFrom(type, text, path) : text)
      return
    }
    const inside: unknown = (container as Record<string | number, unknown>)[slot]
    if (inside !== undefined && (typeof inside !== 'object' || inside === null)) {
      throw new WrongUse(`${path}: ${keys.slice(0, depth + 1).join('.')} has been given a value already`)
    }
    const next: Container =
      (inside as Container | undefined) ?? (/^\d+$/.test(keys[depth + 1] ?? '') ? [] : {})
    if (inside === undefined) put(container, slot, next)
    container = next
  }
}

/** In a list, the places are filled in order. */
function slotOf(container: Container, key: string, path: string): string | number {
  if (!Array.isArray(container)) return key
  if (/^\d{1,4}$/.test(key) && Number(key) <= container.length) return Number(key)
  throw new WrongUse(`${path}: ${key} is not the next place of the list; places count from 0`)
}

function put(container: Container, slot: string | number, value: unknown): void {
  Object.defineProperty(container, slot, { value, enumerable: true, writable: true, configurable: true })
}

/** `/data/service/id` is written `service.id` as an argument. */
function nameOf(pointer: string): string {
  return (
    pointer
      .replace(/^\/data\//, '')
      .replace(/^\//, '')
      .replaceAll('/', '.') || 'the event'
  )
}

function acceptedBy(schema: z.ZodType | undefined, faults: { pointer: string }[]): string {
  const parents = faults.map(({ pointer }) => pointer.split('/').slice(2, -1))
  const lists = parents.flatMap(path => {
    const type = path.reduce<z.ZodType | undefined>(memberOf, schema)
    const core = type && coreOf(type)
    const shape = core && 'shape' in core ? Object.keys(core.shape as object) : []
    return shape.length === 0 ? [] : [shape.map(name => [...path, name].join('.')).join(', ')]
  })
  return lists.length === 0 ? '' : `; accepted are ${[...new Set(lists)].join(', ')}`
}
