import { z } from 'zod'

/**
 * How BILLmanager spells what we use of it. Facts: ISPsystem docs and published modules, BILLmanager API: the
 * functions of addresses are certain, most columns are seen in clients. What differs on a panel, the option `wire` says.
 */
const words = {
  /** A service's addresses: list, form, and what processing modules call. */
  addresses: 'service.ip',
  address: 'service.ip.edit',
  add: 'service.ip.add',
  commit: 'service.ip.add.commit',
  remove: 'service.ip.del',
  /** Columns of that list. `name` is the address, and empty while it is only ordered. */
  id: 'id',
  name: 'name',
  type: 'type',
  domain: 'domain',
  main: 'is_main',
  /** Parameters of `add`, and where its answer names the row. */
  ip: 'ip',
  mask: 'mask',
  gateway: 'gateway',
  added: 'ip.id',
  /** Columns of the lists of services. */
  serviceId: 'id',
  serviceDomain: 'domain',
  client: 'account',
  server: 'processingmodule',
  state: 'item_status',
  /**
   * The register of problems, and as which of those that it knows ours are entered: as trouble with the connection to
   * IPmanager of this id, in whose place ipbridge stands.
   */
  problems: 'problems.register',
  problem: 'ipmgr_connect',
  problemId: '1',
} as const

export type Wire = Record<keyof typeof words, string>

const word = z.string().regex(/^[A-Za-z0-9_.]+$/, 'must be letters, digits, dots and underscores')

export const wireOption = z.strictObject(
  Object.fromEntries(Object.entries(words).map(([name, value]) => [name, word.default(value)])) as Record<
    keyof Wire,
    z.ZodDefault<z.ZodString>
  >,
)
