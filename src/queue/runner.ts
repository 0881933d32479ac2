import type { Clock } from '../clock.ts'
import type { Announcement, Claimed, Operations, StepEntry } from '../db/operations.ts'
import { backoff, graceMs, maxAttempts } from '../domain/backoff.ts'
import type { Outcome } from '../domain/outcome.ts'
import type { OperationKind } from '../domain/states.ts'
import { asIpbridgeError, FenceLost, IpbridgeError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Processor, Run } from './run.ts'

/** How one notification ended. */
export type Ran =
  | { result: 'not claimed' }
  | { result: 'lost' }
  | { result: 'settled'; state: Outcome['state'] }
  | { result: 'retry'; delayMs: number; message: string }
  | { result: 'failed'; message: string }

/** Hears how far a long run is. */
export type OnProgress = (progress: { done: number; total: number }) => void

/** Runs operations: claims, guards, times and settles what the processors do. */
export interface Runner {
  run(operation: string, signal?: AbortSignal, onProgress?: OnProgress): Promise<Ran>
  /** How many operations are being worked on. */
  readonly active: number
  /** Aborts everything that runs; what it held goes back to the queue. */
  abort(): void
  close(): void
}

export interface RunnerOptions {
  operations: Pick<Operations, 'claim' | 'settle' | 'renew' | 'leaseSeconds'>
  processors: Record<OperationKind, Processor>
  announce: (operations: Announcement[]) => Promise<void>
  /** Told of what was just parked for want of an address: space that came back meanwhile has woken nobody. */
  onParked?: (operation: Claimed) => void
  clock: Clock
  log: Log
  random?: () => number
  /** Does something again and again, in milliseconds, until it is told to stop; default: by Node's timers. */
  every?: (ms: number, work: () => void) => () => void
}

/** How long a parked operation waits at the most, should nobody wake it: other IPAMs do not tell when they have space. */
const parkedMs = 60_000

/** What keeps one claim: the same operation may be claimed again while a run that lost it still ends. */
interface Guard {
  id: string
  epoch: number
  abort: AbortController
  /** On the local clock: after this, somebody else may hold the lease. */
  deadline: number
}

export function createRunner(options: RunnerOptions): Runner {
  const {
    operations,
    processors,
    announce,
    onParked,
    clock,
    log,
    random = Math.random,
    every = byTimer,
  } = options
  const guards = new Set<Guard>()
  // The lease counts from when PostgreSQL grants it, ours from before we asked: ours always ends first.
  const leaseMs = operations.leaseSeconds * 1000
  const localMs = leaseMs * 0.8
  let stopping = false

  const stopHeartbeat = every(leaseMs / 3, () => void renew())
  // Apart from the heartbeat, which hangs when PostgreSQL is cut off: just then a call must end in time.
  const stopWatch = every(leaseMs / 30, abortOverdue)

  function abortOverdue(): void {
    for (const guard of guards)
      if (clock.monotonic() > guard.deadline) guard.abort.abort(new FenceLost(guard.id))
  }

  async function renew(): Promise<void> {
    const asked = clock.monotonic()
    const mine = [...guards]
    if (mine.length === 0) return
    try {
      const renewed = await operations.renew(mine.map(({ id, epoch }) => ({ id, epoch })))
      for (const guard of mine) {
        if (renewed.get(guard.id) === guard.epoch) guard.deadline = asked + localMs
        else guard.abort.abort(new FenceLost(guard.id))
      }
    } catch (error) {
      log.warn({ err: error }, 'leases could not be renewed')
    }
  }

  async function run(id: string, signal?: AbortSignal, onProgress?: OnProgress): Promise<Ran> {
    const asked = clock.monotonic()
    const claimed = stopping ? undefined : await operations.claim(id)
    if (claimed === undefined) return { result: 'not claimed' }
    const guard: Guard = { id, epoch: claimed.epoch, abort: new AbortController(), deadline: asked + localMs }
    guards.add(guard)
    if (stopping) guard.abort.abort(interrupted())
    const steps: StepEntry[] = []
    try {
      const signals = signal ? AbortSignal.any([signal, guard.abort.signal]) : guard.abort.signal
      const outcome = await attempt(createRun(claimed, guard, signals, steps, onProgress), steps)
      return await settle(claimed, outcome, steps)
    } finally {
      guards.delete(guard)
    }
  }

  async function attempt(run: Run, steps: StepEntry[]): Promise<Outcome | 'lost'> {
    try {
      if (run.attempts > maxAttempts)
        throw new IpbridgeError('too_many_attempts', 'its worker died at every try')
      return await processors[run.kind](run)
    } catch (error) {
      // Once aborted, whatever is thrown comes of that.
      const { aborted, reason } = run.signal
      if ((aborted ? reason : error) instanceof FenceLost) return 'lost'
      return failure(run, aborted ? interrupted() : asIpbridgeError(error), steps)
    }
  }

  /** What becomes of an operation whose try failed. */
  function failure(run: Run, error: IpbridgeError, steps: StepEntry[]): Outcome {
    const { code, message } = error
    log.info({ operation: run.id, kind: run.kind, code, attempt: run.attempts, steps: steps.length }, message)
    if (code === 'interrupted')
      return { state: 'queued', delayMs: 0, giveBack: true, error: { code, message } }
    if (code === 'pool_exhausted')
      return { state: 'parked', delayMs: parkedMs, giveBack: true, error: { code, message } }
    if (error.retry === 'later' && run.attempts < maxAttempts) {
      const delayMs = backoff(run.attempts, random(), error.retryAfterMs)
      return { state: 'queued', delayMs, error: { code, message } }
    }
    const told = { operation: run.id, kind: run.kind, service: run.service?.id ?? null, code, message }
    return { state: 'failed', error: { code, message }, messages: [{ type: 'operation.failed', data: told }] }
  }

  async function settle(claimed: Claimed, outcome: Outcome | 'lost', steps: StepEntry[]): Promise<Ran> {
    if (outcome === 'lost') return { result: 'lost' }
    const isRetry = outcome.state === 'queued' && !outcome.giveBack
    const settlement = isRetry ? { ...outcome, delayMs: (outcome.delayMs ?? 0) + graceMs } : outcome
    const settled = await operations.settle({ id: claimed.id, epoch: claimed.epoch, settlement, steps })
    if (!settled.ours) return { result: 'lost' }
    if (settled.next) void announce([settled.next])
    if (outcome.state === 'parked' && outcome.error?.code === 'pool_exhausted') onParked?.(claimed)
    const message = outcome.error ? `${outcome.error.code}: ${outcome.error.message}` : ''
    if (isRetry) return { result: 'retry', delayMs: outcome.delayMs ?? 0, message }
    return outcome.state === 'failed'
      ? { result: 'failed', message }
      : { result: 'settled', state: outcome.state }
  }

  function createRun(
    claimed: Claimed,
    guard: Guard,
    signal: AbortSignal,
    steps: StepEntry[],
    onProgress?: OnProgress,
  ): Run {
    return {
      signal,
      begun: clock.now(),
      progress: (done, total) => onProgress?.({ done, total }),
      async step(name, work, outcome = () => 'done') {
        if (clock.monotonic() > guard.deadline) guard.abort.abort(new FenceLost(claimed.id))
        signal.throwIfAborted()
        const [at, begun] = [clock.now(), clock.monotonic()]
        const log = (result: string, detail?: string) =>
          steps.push({
            name,
            outcome: result,
            ...(detail ? { detail } : {}),
            ms: Math.round(clock.monotonic() - begun),
            at,
          })
        try {
          const result = await work(signal)
          log(outcome(result))
          return result
        } catch (error) {
          const { code, message, outcome } = asIpbridgeError(error)
          log(outcome === 'unknown' ? 'unknown' : 'failed', `${code}: ${message}`)
          throw error
        }
      },
      // Last, since V8 is slow to add to what was spread.
      ...claimed,
    }
  }

  return {
    run,
    get active() {
      return guards.size
    },
    abort() {
      stopping = true
      for (const guard of guards) guard.abort.abort(interrupted())
    },
    close() {
      stopHeartbeat()
      stopWatch()
    },
  }
}

function byTimer(ms: number, work: () => void): () => void {
  const timer = setInterval(work, ms)
  timer.unref()
  return () => clearInterval(timer)
}

function interrupted(): IpbridgeError {
  return new IpbridgeError(
    'interrupted',
    'the worker was stopped in the middle; the operation goes on elsewhere',
  )
}
