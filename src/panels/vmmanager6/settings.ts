import { z } from 'zod'
import type { OpenServer } from '../../db/registry.ts'
import { nameTemplate } from '../guest-name.ts'
import { commonOptions, settingsOf } from '../settings.ts'

const options = z.strictObject({
  ...commonOptions,
  name: nameTemplate.default('ipb-{service}'),
  /** What every new guest is made with, beneath what billing passes through. */
  setup: z.record(z.string(), z.unknown()).default({}),
  /** What goes along with an address that is named: `ip_pool`, `ip_network`, `without_allocation`. */
  address: z.record(z.string(), z.unknown()).default({}),
  /** False: PTRs on the panel are left alone. */
  ptr: z.boolean().default(true),
  /** What stands for no PTR. */
  noPtr: z.string().default(''),
  /** The panel's error codes that mean: not now. */
  busyCodes: z.array(z.int()).default([]),
  /** How long a task is waited for in one try, and then for its effect. */
  taskSeconds: z.number().min(0).max(600).default(60),
  patienceSeconds: z.number().min(0).max(60).default(10),
})

export type Settings = ReturnType<typeof vmmanager6Settings>

/** @throws invalid_configuration naming each bad field and what it takes */
export function vmmanager6Settings(server: OpenServer) {
  const url = z
    .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
    .refine(text => URL.canParse(text) && new URL(text).pathname === '/', 'must end after the host and port')
  return settingsOf(server, options, url)
}
