import type { LedgerEntries } from '../src/db/ledger-entries.ts'
import type { Begun, FoundDifference, MadePlan, Reconciliations } from '../src/db/reconciliations.ts'
import type { Stuck } from '../src/db/stuck.ts'
import type { Address } from '../src/domain/address.ts'
import { maxAttempts } from '../src/domain/backoff.ts'
import { doubtsAbout, mostMissing, type Tally } from '../src/domain/doubts.ts'
import { compareEntries, type Difference, subjectOf } from '../src/domain/findings.ts'
import { done } from '../src/domain/outcome.ts'
import { actionFor, expectationsOf, policiesIn, releaseCap } from '../src/domain/reconcile-settings.ts'
import { ascending, sideBySide } from '../src/domain/side-by-side.ts'
import { asIpbridgeError, FenceLost, IpbridgeError } from '../src/errors.ts'
import type { Ipam, Ports } from '../src/queue/ports.ts'
import type { Processor, Run } from '../src/queue/run.ts'
import type { Guests } from '../src/reconciliation/guests.ts'
import type { Candidate, LookAgain } from '../src/reconciliation/look-again.ts'
import type { Unbilled } from '../src/reconciliation/unbilled.ts'

type ReconcilePorts = Pick<Ports, 'ipamOf'> & {
  reconciliations: Omit<Reconciliations, 'review'>
  entries: LedgerEntries
  lookAgain: LookAgain
  guests: Guests
  stuck: Stuck
  unbilled: Unbilled
}

/** What one run works with. */
interface Comparison {
  run: Run
  ipam: Ipam
  begun: Begun
  /** How many addresses of ours there are to compare. */
  oursInAll: number
}

/** How much is compared, differs, or goes by, until that is stored. */
const stride = { compared: 10_000, candidates: 500, ms: 2_000 }

/** So many unmarked records are read again; of more, the list is believed: nothing is ever done about them. */
const mostUnknownReads = 10_000

/**
 * Compares the ledger with an IPAM (nightly, or on demand) and writes a plan. It never acts.
 *
 * Both lists are walked side by side in address order, in bounded memory. They are read while work goes on, so every
 * difference is looked at a second time, and what is being worked on is left out. What is compared is stored as it
 * goes: a run that was stopped goes on where it was.
 */
export function reconcile(ports: ReconcilePorts): Processor {
  const { ipamOf, reconciliations, entries, lookAgain, guests, stuck, unbilled } = ports

  return async run => {
    const ipam = await ipamOf(run)
    // A second run would agree with the first one at once, and what two of them agree on is given back.
    const made = await reconciliations.made(run.id)
    if (made) return told(ipam, made)
    const begun = await run.step(
      'begin',
      () => begin(run, ipam),
      started => (started.resumed ? 'goes on' : 'done'),
    )
    const comparison = { run, ipam, begun, oursInAll: await entries.count(ipam.connectionId) }
    try {
      const tally =
        begun.phase === 'addresses'
          ? await run.step('compare', signal => compare(comparison, signal))
          : begun.tally
      const remarks = await lookElsewhere(comparison, tally)
      return await plan(comparison, tally, remarks)
    } catch (error) {
      await breakOff(comparison, error)
      throw error
    }
  }

  async function begin(run: Run, { connectionId, reconcile }: Ipam): Promise<Begun> {
    return reconciliations.begin(connectionId, run, {
      total: await entries.count(connectionId),
      policies: isFirst => policiesIn(reconcile, isFirst),
    })
  }

  /** Walks both lists and stores, stride by stride, where they differ. */
  async function compare({ run, ipam, begun, oursInAll }: Comparison, signal: AbortSignal): Promise<Tally> {
    const { connectionId, driver, name } = ipam
    const key = { id: begun.id, epoch: run.epoch }
    const { policies } = begun
    const expected = expectationsOf(ipam)
    const tally = { ...begun.tally }
    let isAnythingListed = false
    let [after, candidates] = [begun.after, [] as Candidate[]]
    let [storedCompared, storedAt] = [tally.compared, performance.now()]

    function onRepeat(address: Address): void {
      tally.repeated += 1
      tally.firstRepeated ??= address
      if (tally.repeated > 1_000 + tally.seen) {
        throw refused(`the list of ${name} does not end: it gives the same addresses again and again`)
      }
    }

    async function checkpoint(): Promise<void> {
      const looks = await lookAgain(ipam, candidates, begun.at, signal)
      const found: FoundDifference[] = []
      for (const { difference, omitted } of looks) {
        if (omitted) tally.omitted += 1
        if (difference === undefined) continue
        if (difference.class === 'missing') tally.missing += 1
        if (policies[difference.class] === 'ignore') continue
        const action = actionFor(difference, policies, { claim: driver.claim !== undefined, expected })
        found.push({ ...difference, subject: subjectOf(difference), action })
      }
      tally.reads += candidates.filter(({ believed }) => !believed).length
      if (!(await reconciliations.store(key, { phase: 'addresses', after, tally }, found))) {
        throw new FenceLost(run.id)
      }
      if (tally.omitted > mostMissing(oursInAll)) {
        throw refused(`the list of ${name} leaves out what it has: ${tally.omitted} of our addresses so far`)
      }
      run.progress(tally.compared, Math.max(begun.total, tally.compared))
      candidates = []
      storedCompared = tally.compared
      storedAt = performance.now()
    }

    const onFirst = () => {
      isAnythingListed = true
    }
    const ours = ascending(entries.list(connectionId, after), { after })
    const theirs = ascending(driver.list(signal, after), { after, onFirst, onRepeat })
    for await (const { address, left, right } of sideBySide(ours, theirs)) {
      // That says enough: ours are not looked up one by one.
      if (!isAnythingListed && begun.after === undefined) {
        throw nothingListed(ipam, oursInAll)
      }
      tally.compared += 1
      if (left) tally.ours += 1
      if (right) tally.seen += 1
      const seeming = compareEntries(left, right, () => 'orphan', expected)
      if (seeming && !(seeming.class === 'unknown' && policies.unknown === 'ignore')) {
        const believed = seeming.class === 'unknown' && tally.reads > mostUnknownReads
        candidates.push({ address, listed: right && plain(right), ...(believed ? { believed } : {}) })
      }
      after = address
      const isDue =
        candidates.length >= stride.candidates ||
        tally.compared - storedCompared >= stride.compared ||
        performance.now() - storedAt >= stride.ms
      if (isDue) await checkpoint()
    }
    if (tally.seen === 0 && tally.ours > 0) throw nothingListed(ipam, tally.ours)
    await checkpoint()
    return tally
  }

  /** Looks at guests, operations and billing. @returns what could not be looked at */
  async function lookElsewhere({ run, ipam, begun }: Comparison, tally: Tally): Promise<string[]> {
    const { policies } = begun
    const key = { id: begun.id, epoch: run.epoch }
    const checkpoint = { phase: 'elsewhere' as const, after: undefined, tally }
    const remarks: string[] = []
    const away = (remark: string) => remarks.push(remark)
    if (!(await reconciliations.store(key, checkpoint, []))) throw new FenceLost(run.id)
    await reconciliations.forgetElsewhere(key)

    async function keep(differences: AsyncIterable<(Difference & { subject: string })[]>): Promise<number> {
      let kept = 0
      for await (const some of differences) {
        run.signal.throwIfAborted()
        const found = some
          .filter(difference => policies[difference.class] !== 'ignore')
          .map(difference => ({
            ...difference,
            action: actionFor(difference, policies, { claim: false, expected: expectationsOf(ipam) }),
          }))
        kept += found.length
        if (!(await reconciliations.store(key, checkpoint, found))) throw new FenceLost(run.id)
      }
      return kept
    }

    if (policies.stray !== 'ignore' || policies.unconfigured !== 'ignore') {
      await run.step(
        'look at the guests',
        signal => keep(guests.list(ipam.connectionId, away, signal)),
        found,
      )
    }
    if (policies.stuck !== 'ignore') {
      const { stuckHours = 24 } = ipam.reconcile
      await run.step('look at open work', () => keep(stuck.list(ipam.connectionId, stuckHours)), found)
    }
    if (policies.unbilled !== 'ignore' && (await unbilled.canAsk())) {
      await run.step('look at billing', signal => keep(unbilled.list(ipam.connectionId, away, signal)), found)
    }
    return remarks
  }

  /** Gives every difference its action, within the guard rails. */
  async function plan({ run, ipam, begun }: Comparison, tally: Tally, remarks: string[]) {
    const made = await run.step('plan', () =>
      reconciliations.plan(
        { id: begun.id, epoch: run.epoch },
        {
          doubts: doubtsAbout(ipam.name, tally),
          remarks,
          most: releaseCap(ipam.reconcile, tally.ours),
        },
      ),
    )
    if (made === undefined) throw new FenceLost(run.id)
    return told(ipam, { id: begun.id, ...made })
  }

  function told({ name }: Ipam, { id, ...plan }: MadePlan) {
    const data = { connection: name, reconciliation: id, ...plan }
    return done({ messages: [{ type: 'reconcile.finished', data }] })
  }

  /** The report says why a run did not come to its end, and whether another try goes on with it. */
  async function breakOff({ run, begun }: Comparison, thrown: unknown): Promise<void> {
    if (run.signal.aborted || thrown instanceof FenceLost) return
    const { code, message, retry } = asIpbridgeError(thrown)
    const isOver = retry === 'never' || run.attempts >= maxAttempts
    await reconciliations.breakOff(
      { id: begun.id, epoch: run.epoch },
      code === 'reconcile_refused'
        ? { remark: `${message}: nothing was planned`, ended: 'stopped' }
        : { remark: `broke off: ${code}: ${message}; nothing was planned`, ended: isOver && 'failed' },
    )
  }
}

const found = (count: number) => (count === 0 ? 'nothing found' : `${count} found`)

function plain({ network: _, ...entry }: Candidate['listed'] & { network?: unknown }): Candidate['listed'] {
  return entry
}

function nothingListed({ name }: Ipam, ours: number): IpbridgeError {
  return refused(`${name} lists no address at all, but the ledger has ${ours} there`)
}

function refused(why: string): IpbridgeError {
  return new IpbridgeError('reconcile_refused', why)
}
