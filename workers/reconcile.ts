import type { Reconciliations, StoredFinding } from '../src/db/reconciliations.ts'
import type { Address } from '../src/domain/address.ts'
import {
  actionFor,
  compareEntries,
  type Difference,
  planHash,
  releaseCap,
  sideBySide,
  streakKey,
} from '../src/domain/findings.ts'
import type { Marker } from '../src/domain/marker.ts'
import { done } from '../src/domain/outcome.ts'
import { IpbridgeError } from '../src/errors.ts'
import type { Ipam, Ports } from '../src/queue/ports.ts'
import type { Processor, Run } from '../src/queue/run.ts'

type ReconcilePorts = Pick<Ports, 'ipamOf'> & { reconciliations: Reconciliations; newId: () => string }

const chunk = 500

/**
 * Compares the ledger with an IPAM (nightly, or on demand) and writes a plan. It never acts.
 *
 * Both lists are walked side by side in address order. They are read while work goes on, so every difference
 * is looked at a second time, one by one, and what is being worked on is left out.
 */
export function reconcile({ ipamOf, reconciliations, newId }: ReconcilePorts): Processor {
  return async run => {
    const ipam = await ipamOf(run)
    const id = await run.step('begin', () => reconciliations.begin(ipam.connectionId, run.id))
    const { compared, seen, ours } = await run.step('compare', signal => compare(ipam, signal))
    if (seen === 0 && ours > 0) {
      const remark = `${ipam.name} lists no address at all, but the ledger has ${ours} there: nothing was planned`
      await run.step('stop', () =>
        reconciliations.finish(id, { state: 'stopped', compared: ours, remark, findings: [] }),
      )
      throw new IpbridgeError('reconcile_refused', remark)
    }
    const differences = await run.step('look again', signal => confirm(run, ipam, compared, signal))
    const findings = await decide(ipam, differences, ours)
    const hash = planHash(findings)
    await run.step('plan', () =>
      reconciliations.finish(id, { state: 'planned', hash, compared: seen, findings }),
    )
    const data = { connection: ipam.name, reconciliation: id, hash, findings: findings.length }
    return done({ messages: [{ type: 'reconcile.finished', data }] })
  }

  /** The addresses at which the two sides seem to differ. */
  async function compare(ipam: Ipam, signal: AbortSignal) {
    const compared: Address[] = []
    let [seen, ours] = [0, 0]
    for await (const { left, right } of sideBySide(
      reconciliations.ledger(ipam.connectionId),
      ipam.driver.list(signal),
    )) {
      if (left) ours += 1
      if (right) seen += 1
      const difference = compareEntries(left, right, () => 'orphan')
      if (difference) compared.push(difference.address)
    }
    return { compared, seen, ours }
  }

  /** Looks at both sides of each address again, the ledger first: what it says now was true of the IPAM before. */
  async function confirm(
    run: Run,
    { driver, connectionId }: Ipam,
    addresses: Address[],
    signal: AbortSignal,
  ) {
    const differences: Difference[] = []
    for (let start = 0; start < addresses.length; start += chunk) {
      run.signal.throwIfAborted()
      const part = addresses.slice(start, start + chunk)
      const records = await Promise.all(part.map(address => driver.read(address, signal)))
      const { entries, busy } = await reconciliations.at(connectionId, part)
      const markers = records.flatMap(record => record?.marker ?? [])
      const meanings = await reconciliations.meanings(markers)
      part.forEach((address, index) => {
        if (busy.has(address)) return
        const meaningOf = (marker: Marker) => meanings.get(marker) ?? 'orphan'
        const difference = compareEntries(entries.get(address), records[index], meaningOf)
        if (difference) differences.push(difference)
      })
    }
    return differences
  }

  /** Gives every difference its action, within the guard rails. */
  async function decide(ipam: Ipam, differences: Difference[], ours: number): Promise<StoredFinding[]> {
    const streaks = await reconciliations.streaks(ipam.connectionId)
    let releases = releaseCap(ours)
    return differences.map(difference => {
      const before =
        streaks.get(streakKey(difference.class, difference.address, difference.theirs?.marker)) ?? 0
      const wanted = actionFor(difference.class, before + 1)
      const action = wanted === 'release' && releases-- <= 0 ? 'report' : wanted
      return { ...difference, id: newId(), action, streak: before + 1 }
    })
  }
}
