import { cpus } from 'node:os'
import { setStage } from '../stage.ts'
import { type OverloadReport, overload } from './overload.ts'
import { peakOf, percentile } from './verdict.ts'

const given = process.argv.indexOf('--minutes')
const minutes = given < 0 ? 5 : Number(process.argv[given + 1])
if (!(minutes > 0)) throw new Error('--minutes takes a number above 0')

const print = (line: string) => process.stdout.write(`${line}\n`)
const ms = (values: readonly number[], share: number) => `${Math.round(percentile(values, share))} ms`

function report({ manages, perSecond, batch, told, samples, drainSeconds, verdict }: OverloadReport): void {
  const answers = (values: readonly number[]) =>
    `${values.length} answers, p50 ${ms(values, 50)}, p99 ${ms(values, 99)}, longest ${ms(values, 100)}`
  print('')
  print(`the worker manages      ${manages} events a second`)
  print(`came                    ${perSecond} a second for ${minutes} minutes, ${batch} in a request`)
  print(`accepted                ${told.accepted.size} events: ${answers(told.acceptedMs)}`)
  print(`refused (429, 503)      ${told.refusals} events: ${answers(told.refusedMs)}`)
  print(`billing itself was late by ${told.ownDelay.p50Ms} ms (p50), ${told.ownDelay.p99Ms} ms (p99)`)
  print(`left with billing       ${told.left} events`)
  print(`most operations open    ${Math.max(0, ...samples.map(({ open }) => open))}`)
  print(`most memory             API ${peakOf(samples, 'api')} MiB, worker ${peakOf(samples, 'worker')} MiB`)
  print(`all done after          ${drainSeconds} seconds more`)
  print(
    `on                      ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}; all of`,
  )
  print('                        it shares these: billing, API, worker, PostgreSQL and Redis')
  print('')
  print('seconds    API MiB  worker MiB    open')
  const every = Math.max(1, Math.ceil(samples.length / 20))
  for (const { seconds, rssMb, open } of samples.filter((_, index) => index % every === 0)) {
    const cells = [seconds, rssMb['api'] ?? 0, rssMb['worker'] ?? 0, open]
    print(cells.map((cell, index) => `${cell}`.padStart([7, 11, 12, 8][index] ?? 8)).join(''))
  }
  print('')
  for (const { must, found, holds } of verdict) print(`${holds ? 'holds ' : 'FAILS '} ${must}: ${found}`)
}

const stage = await setStage({ name: 'overload', redis: true, embedded: false })
try {
  const result = await overload(stage, {
    seconds: minutes * 60,
    rehearsal: 20_000,
    factor: 2,
    backlog: 100_000,
    note: text => process.stderr.write(`${text}\n`),
  })
  report(result)
  if (result.verdict.some(({ holds }) => !holds)) process.exitCode = 1
} finally {
  await stage.tearDown()
}
