import { z } from 'zod'
import { formats } from '../../coremanager/client.ts'
import type { OpenSubscriber } from '../../db/deliveries.ts'
import { tlsSettings } from '../../http/tls.ts'
import { readSettings } from '../../settings.ts'
import { wireOption } from './wire.ts'

const text = z.string().min(1)

const options = z.strictObject({
  signIn: z.enum(['authinfo', 'session']).default('authinfo'),
  format: z.enum(formats).default('json'),
  /** What stands before BILLmanager's id in a service's id, as the plugin has it. */
  prefix: z
    .string()
    .regex(/^[^\s\p{C}]*$/u, 'must not contain spaces or control characters')
    .default(''),
  /** Its lists of services, and what kind those are to ipbridge. */
  kinds: z
    .record(z.string(), z.string())
    .default({ vds: 'vps', dedic: 'dedicated', vhost: 'hosting', colocation: 'colocation' }),
  /** What its processing modules (by id or name) are called here; null: their services are left alone. */
  servers: z.record(z.string(), z.string().nullable()).default({}),
  /** Statuses of services that count: by default active, suspended and those that are being worked on. */
  states: z.array(text).default(['2', '3', '5']),
  /** Addresses of these types are none of ours; a pattern. */
  privateTypes: text.default('privat'),
  /** Whether failures are entered into its register of problems. */
  problems: z.boolean().default(true),
  wire: wireOption.prefault({}),
})

const schema = z.object({
  url: z
    .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
    .refine(url => /\/billmgr$/.test(url), 'must end in /billmgr'),
  login: text,
  password: text,
  tls: tlsSettings,
  options,
})

export type Settings = z.output<typeof schema> & { name: string }

/** @throws invalid_configuration naming each bad field and what it takes */
export function billmanagerSettings(subscriber: OpenSubscriber): Settings {
  const { name, url, login, secrets, tls, options } = subscriber
  const input = { url, login, password: secrets[0], tls, options }
  return { name, ...readSettings(schema, input, `billing ${name}`) }
}
