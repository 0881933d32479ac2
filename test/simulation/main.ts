import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { type Defect, defects } from './broken.ts'
import type { Played, Share } from './player.ts'
import { reportOf } from './report.ts'

/** `npm run simulate`: plays histories on all cores, and tells of the first one that ends badly. */
const usage = `npm run simulate -- [--seeds N] [--seed FIRST] [--events N] [--threads N] [--defect "${defects.join('" | "')}"]`

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    events: { type: 'string', default: '200' },
    threads: { type: 'string', default: String(availableParallelism()) },
    defect: { type: 'string' },
  },
})

function whole(name: 'seeds' | 'seed' | 'events' | 'threads'): number {
  const value = Number(values[name])
  if (Number.isInteger(value) && value > 0) return value
  throw new Error(`--${name} is ${values[name]}; it takes a whole number from 1\n${usage}`)
}

function defectOf(name: string | undefined): Defect | undefined {
  const found = defects.find(defect => defect === name)
  if (found === name) return found
  throw new Error(`--defect is ${name}; it takes one of: ${defects.join(', ')}`)
}

/** Plays a share of the seeds in a thread of its own. */
function play(share: Share): Promise<Played[]> {
  const played: Played[] = []
  return new Promise((resolve, reject) => {
    const thread = new Worker(new URL('./player.js', import.meta.url), { workerData: share })
    thread.on('message', (one: Played) => played.push(one))
    thread.on('error', reject)
    thread.on('exit', code =>
      code === 0 ? resolve(played) : reject(new Error(`a thread ended with ${code}`)),
    )
  })
}

async function main(): Promise<number> {
  const [first, count, events, threads] = [whole('seed'), whole('seeds'), whole('events'), whole('threads')]
  const defect = defectOf(values.defect)
  const begun = performance.now()
  const shares = Array.from({ length: Math.min(threads, count) }, (_, n) =>
    play({ first: first + n, count: count - n, step: threads, events, defect }),
  )
  const played = (await Promise.all(shares)).flat().sort((a, b) => a.seed - b.seed)
  const seconds = (performance.now() - begun) / 1000
  for (const [what, times] of totals(played)) process.stdout.write(`${String(times).padStart(12)} ${what}\n`)
  const bad = played.filter(({ violations }) => violations.length > 0)
  const fewest = Math.min(...played.map(({ events }) => events))
  const pace = Math.round((played.length / seconds) * 60)
  process.stdout.write(
    `${played.length} seeds of at least ${fewest} events each, ${seconds.toFixed(1)} s, ${pace} seeds a minute: ${bad.length} ended badly\n`,
  )
  if (bad[0] === undefined) return 0
  const which = bad.map(({ seed, violations }) => `${seed} (${[...new Set(violations)].join(', ')})`)
  process.stdout.write(`seeds, and the invariants that did not hold: ${which.join(', ')}\n\n`)
  process.stdout.write(`${await reportOf({ seed: bad[0].seed, events, defect })}\n`)
  return 1
}

/** How often everything happened in all histories together, most often first. */
function totals(played: Played[]): [string, number][] {
  const all = new Map<string, number>()
  for (const { counts } of played) {
    for (const [what, times] of Object.entries(counts)) all.set(what, (all.get(what) ?? 0) + times)
  }
  return [...all].sort((a, b) => b[1] - a[1])
}

main().then(
  code => {
    process.exitCode = code
  },
  error => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 2
  },
)
