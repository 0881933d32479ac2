import { z } from 'zod'
import { type Format, formats } from '../../coremanager/client.ts'
import type { OpenServer } from '../../db/registry.ts'
import { nameTemplate } from '../guest-name.ts'
import { commonOptions, settingsOf } from '../settings.ts'
import { type Wire, wireOption } from './wire.ts'

/** What one of the products is like. */
export interface Product {
  /** As a server's field `panel` names it. */
  panel: string
  /** As people call it: `VMmanager 5`. */
  kind: string
  /** The last part of its URL. */
  managers: readonly [string, ...string[]]
  format: Format
  wire: Wire
  /** Only where it makes guests: how they are named, and what it is told of every one. */
  guests?: { name: string; setup: Record<string, string> }
}

export type Settings = ReturnType<typeof productSettings>

/** @throws invalid_configuration naming each bad field and what it takes */
export function productSettings({ managers, format, wire, guests }: Product, server: OpenServer) {
  const options = z.strictObject({
    ...commonOptions,
    signIn: z.enum(['authinfo', 'session']).default('authinfo'),
    format: z.enum(formats).default(format),
    /** The group of addresses. */
    group: z.string().default('public'),
    /** False: PTRs on the panel are left alone. */
    ptr: z.boolean().default(true),
    /** What stands for no PTR. */
    noPtr: z.string().default(''),
    patienceSeconds: z.number().min(0).max(60).default(3),
    wire: wireOption(wire).prefault({}),
  })
  const making = { name: nameTemplate.optional(), setup: z.record(z.string(), z.unknown()).optional() }
  const paths = managers.map(manager => `/${manager}`)
  const url = z
    .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
    .refine(text => managerOf(text, managers) !== undefined, `must end in ${paths.join(' or ')}`)
  const settings = settingsOf(server, guests ? options.extend(making) : options, url)
  const { name = guests?.name, setup = {} } = settings.options as z.output<z.ZodObject<typeof making>>
  return {
    ...settings,
    manager: managerOf(settings.url, managers) ?? managers[0],
    /** How guests are named, and what is told of every one; undefined where none are made. */
    making: name === undefined ? undefined : { name, setup: { ...guests?.setup, ...setup } },
  }
}

/** Facts: ISPsystem docs, COREmanager API: the last part of the path is the panel's own name. */
function managerOf(url: string, managers: readonly string[]): string | undefined {
  const last = URL.canParse(url) ? new URL(url).pathname.split('/').at(-1) : undefined
  return managers.find(manager => manager === last)
}
