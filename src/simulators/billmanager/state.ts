import { z } from 'zod'
import { parseKey } from '../coremanager/addresses.ts'
import { defaultPanelBehaviour, panelBehaviour } from '../coremanager/behaviour.ts'
import { type Account, levels } from '../coremanager/panel.ts'

/** Types of services, as the lists are called. */
export const itemTypes = ['vds', 'dedic', 'vhost', 'colocation'] as const
export type ItemType = (typeof itemTypes)[number]

/** `item.status` (the fact sheet, 4.1). */
export const statuses = { ordered: '1', active: '2', suspended: '3', deleted: '4', processing: '5' } as const
export type Status = (typeof statuses)[keyof typeof statuses]

const address = z.string().refine(text => parseKey(text) !== undefined, 'must be an address')

/** An address that is there from the beginning, on its service. */
export const slotSeed = z.strictObject({
  name: address.optional(),
  type: z.string().default('Public IPv4'),
  domain: z.string().default(''),
  main: z.boolean().default(false),
})

/** A service, as it is ordered or there from the beginning. */
export const itemSeed = z.strictObject({
  type: z.enum(itemTypes).default('vds'),
  domain: z.string(),
  account: z.string().default('77'),
  /** The processing module: its id, and how people see it. */
  module: z.strictObject({ id: z.string(), name: z.string() }).default({ id: '1', name: 'node1' }),
  /** The plan: its id, and how people see it. */
  pricelist: z.strictObject({ id: z.string(), name: z.string() }).default({ id: '3', name: 'VPS-1' }),
  /** What it is called on its server's panel, where that was entered. */
  remoteid: z.string().default(''),
  slots: z.array(slotSeed).default([{ type: 'Public IPv4', domain: '', main: true }]),
})
export type ItemSeed = z.input<typeof itemSeed>

export interface Item extends Omit<z.output<typeof itemSeed>, 'slots'> {
  id: string
  status: Status
}

/** A row of the table `ip`: an address, or the place for one. */
export interface Slot {
  id: string
  /** The service. */
  item: string
  /** Empty: ordered, without an address yet. */
  name: string
  type: string
  domain: string
  mask: string
  gateway: string
  main: boolean
  state: 'ordered' | 'stored' | 'active'
  /** So many looks at the list, and it shows. */
  hiddenFor: number
}

/** A row of `runningoperation`: what a processing module is to do (the fact sheet, 4.5). */
export interface RunningOperation {
  id: string
  item: string
  command: 'open' | 'close' | 'addip' | 'delip'
  /** The address that it is about. */
  slot?: string
  trycount: number
  manual: boolean
  errorxml: string
}

export interface Task {
  id: string
  item: string
  runningoperation: string
  type: string
}

/** What stands in the list of problems, as it was registered. */
export type Problem = Record<string, string>

/** What differs between panels, or is not known of them. May be changed while the simulator runs. */
export const behaviourSchema = z.strictObject({
  ...panelBehaviour,
  restrictAuthinfo: z.array(z.string()).optional(),
  /** An address that was ordered shows only after the list was asked for so often. */
  slotAfterPolls: z.number().int().min(0),
  /** After so many failures an operation is left to people (the fact sheet, 4.5). */
  mostTries: z.number().int().positive(),
})
export type Behaviour = z.output<typeof behaviourSchema>

export const defaultBehaviour: Behaviour = {
  ...defaultPanelBehaviour,
  slotAfterPolls: 0,
  mostTries: 10,
}

export type BillmanagerUser = Account

/** An administrator for ipbridge, and the account that the panel's own programs use. */
export const exampleUsers: BillmanagerUser[] = [
  { name: 'root', password: 'root-password', level: levels.root },
  { name: 'ipbridge', password: 'ipbridge-password', level: levels.admin },
]
