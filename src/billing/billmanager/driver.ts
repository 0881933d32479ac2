import { z } from 'zod'
import { createCoreManager } from '../../coremanager/client.ts'
import { fieldOf } from '../../coremanager/document.ts'
import { PanelFault } from '../../coremanager/fault.ts'
import type { OpenSubscriber } from '../../db/deliveries.ts'
import type { OutgoingEvent } from '../../domain/delivery.ts'
import { asIpbridgeError, IpbridgeError } from '../../errors.ts'
import { createHttpClient } from '../../http/client.ts'
import { trustsAnybody } from '../../http/tls.ts'
import type { BillingCheck, BillingCore } from '../core.ts'
import { listing } from './listing.ts'
import { rowReader } from './row-reader.ts'
import { billmanagerSettings } from './settings.ts'
import { writeBack } from './write-back.ts'

/** The parts of our messages that mean something to BILLmanager. */
const told = z.object({
  service: z.string().nullish(),
  slot: z.string().default('main'),
  address: z.string().default(''),
  ptr: z.string().nullish(),
  network: z.object({ prefix: z.number(), gateway: z.string().optional() }).optional(),
  operation: z.string().optional(),
  pool: z.string().optional(),
  free: z.string().optional(),
  code: z.string().default(''),
  message: z.string().default(''),
})

/** Below the lease of a delivery: what takes longer is tried again. */
const longestMs = 45_000

/**
 * BILLmanager 5 and 6 (facts: ISPsystem docs, BILLmanager API). Its administrator's account writes addresses into the
 * rows that services have for them, and lists services.
 */
export function billmanager(subscriber: OpenSubscriber): BillingCore {
  const { name, url, login, password, tls, options } = billmanagerSettings(subscriber)
  const target = { url, tls, whom: `BILLmanager ${name}`, kind: 'BILLmanager 5 or 6', side: 'panel' as const }
  const core = createCoreManager({
    http: createHttpClient(target),
    manager: 'billmgr',
    account: { login, password },
    mode: options.signIn,
    format: options.format,
  })
  const rowsOf = rowReader(options, core)
  const write = writeBack(options, core, rowsOf)
  const { count, look, services } = listing(options, core, rowsOf)

  /** BILLmanager's id of a service; undefined where it is somebody else's. */
  function itemOf(service: string | null | undefined): string | undefined {
    if (!service?.startsWith(options.prefix)) return undefined
    const id = service.slice(options.prefix.length)
    return /^\d{1,18}$/.test(id) ? id : undefined
  }

  async function act({ type, data }: OutgoingEvent, signal: AbortSignal): Promise<string | undefined> {
    const facts = told.parse(data)
    if (type === 'pool.low')
      return report('0', `pool ${facts.pool} is low: ${facts.free} addresses are free`, signal)
    const item = itemOf(facts.service)
    if (item === undefined) return "the service is none of BILLmanager's"
    const { slot, address, network, operation, code, message } = facts
    const domain = facts.ptr ?? ''
    switch (type) {
      case 'address.assigned':
        return write.assigned({ item, slot, address, domain, network }, signal)
      case 'address.released':
        return write.released(item, address, signal)
      case 'ptr.updated':
        return write.renamed(item, address, domain, signal)
      case 'operation.failed':
        return report(item, `operation ${operation} failed: ${code}: ${message}`, signal)
      default:
        return undefined
    }
  }

  /** Enters a problem into the register that staff looks at. A panel that does not take it is no reason to wait. */
  async function report(item: string, message: string, signal: AbortSignal): Promise<string | undefined> {
    if (!options.problems) return undefined
    const { problems, problem, problemId } = options.wire
    const about = { param_pm_name: 'ipbridge', param_pm_id: item, param_errormsg: message }
    try {
      await core.change(problems, { name: problem, id: problemId, ...about, level: 'error' }, signal)
      return undefined
    } catch (error) {
      if (error instanceof PanelFault && error.retry === 'never') return `not registered: ${error.message}`
      throw error
    }
  }

  async function inspect(signal: AbortSignal): Promise<BillingCheck> {
    const { level } = await core.enter(signal)
    const { found, read, troubles } = await look(signal)
    const remarks = [...troubles]
    if (read > 0) {
      const where = troubles.length > 0 ? ' in the other lists' : ''
      remarks.push(`${login} sees ${found} ${found === 1 ? 'service' : 'services'}${where}`)
    }
    const isAdmin = level === undefined || level >= 29
    if (!isAdmin) remarks.push(`${login} is no administrator there, and cannot write addresses`)
    if (trustsAnybody(tls)) remarks.push('its certificate is not checked (tls.verify is false)')
    const version = await versionOf(signal)
    return { ok: isAdmin && troubles.length === 0, ...(version ? { version } : {}), remarks }
  }

  async function versionOf(signal: AbortSignal): Promise<string | undefined> {
    try {
      return fieldOf(await core.read('license.info', {}, signal), 'version')
    } catch (error) {
      if (error instanceof PanelFault) return undefined
      throw error
    }
  }

  return {
    name,
    types: ['address.assigned', 'address.released', 'ptr.updated', 'operation.failed', 'pool.low'],
    async tell(event, signal) {
      const late = AbortSignal.timeout(longestMs)
      try {
        return await act(event, AbortSignal.any([signal, late]))
      } catch (error) {
        if (!late.aborted || error instanceof IpbridgeError) throw error
        throw new IpbridgeError(
          'outcome_unknown',
          `${target.whom} took longer than ${longestMs / 1000} seconds`,
        )
      }
    },
    count,
    services,
    async check(signal) {
      try {
        return await inspect(signal)
      } catch (error) {
        return { ok: false, remarks: [asIpbridgeError(error).message] }
      }
    },
  }
}
