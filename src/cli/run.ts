import type { Command } from 'commander'
import { InvalidArgumentError } from 'commander'
import type { App, AppOptions, WorkerOptions } from '../app.ts'
import { loadConfig } from '../config.ts'
import { type OperationKind, operationKinds } from '../domain/states.ts'
import { exitCodes } from './failure.ts'
import { actor, openApp, requireMigrations, within } from './session.ts'
import { aborted, listenForStop } from './signals.ts'
import { version } from './version.ts'

/** Longer than the orderly end of all parts can take: after this, what still hangs is left to the operating system. */
const leaveMs = 25_000

/** What a process that stays does, and how it is ended in order. */
type Duty = (app: App) => Promise<{ end(): Promise<unknown> }>

/** `start`, `api` and `worker`: the processes that stay. */
export function addRunCommands(program: Command): void {
  program
    .command('start')
    .description('run everything in this process: the API, the pages and the workers')
    .addHelpText(
      'after',
      `
Without DATABASE_URL it runs a PostgreSQL of its own under the data folder, which needs nothing but Node.
On an empty database it makes an admin token and prints it, this once.`,
    )
    .action(() =>
      stay(async app => {
        const api = await app.serve()
        const token = await app.desk.tokens.addFirst(actor())
        const stopWork = app.work()
        welcome(app, api.url, token)
        return { end: () => Promise.all([api.close(), stopWork()]) }
      }),
    )

  program
    .command('api')
    .description('answer HTTP on HOST and PORT: the API, the pages, the queue dashboard')
    .action(() =>
      stay(async app => {
        const api = await app.serve()
        app.log.info({ url: api.url, version }, 'the API answers')
        return { end: () => api.close() }
      }),
    )

  program
    .command('worker')
    .description('work on operations; run as many of these as you like')
    .option(
      '--only <kinds>',
      `limit it to some kinds of operations: ${operationKinds.join(', ')}`,
      parseKinds,
    )
    .option('--concurrency <number>', 'how many operations of each kind at once (default: 300)', parseCount)
    .option(
      '--lease <seconds>',
      'how long the operations of a worker that died stay its own (default: 30)',
      parseCount,
    )
    .action(({ lease, ...options }: WorkerOptions & { lease?: number }) =>
      stay(
        async app => {
          const end = app.work(options)
          app.log.info({ kinds: options.only ?? operationKinds, version }, 'the worker works')
          return { end }
        },
        lease === undefined ? {} : { leaseSeconds: lease },
      ),
    )
}

/** Runs until SIGTERM or SIGINT, then ends in order and in bounded time. A second signal ends it at once. */
async function stay(duty: Duty, options: AppOptions = {}): Promise<void> {
  const stop = listenForStop()
  const config = loadConfig(process.env)
  const app = await openApp(config, config.logLevel, options)
  try {
    await requireMigrations(app)
    const { end } = await duty(app)
    await aborted(stop.signal)
    app.log.info('stopping')
    setTimeout(() => process.exit(exitCodes.failed), leaveMs)
    await end()
    app.log.info('stopped')
  } finally {
    await within(leaveMs, app.close())
    stop.stopListening()
  }
}

/** Tells a newcomer where everything is. */
function welcome({ config }: App, url: string, token: string | undefined): void {
  const lines = [
    `ipbridge ${version} is running`,
    '',
    `  ${url}/docs      the API, to read and to try`,
    `  ${url}/queues    what is being worked on`,
    `  database   ${config.databaseUrl === undefined ? `a PostgreSQL of its own in ${config.dataDir}` : 'the one of DATABASE_URL'}`,
    `  queue      ${config.redisUrl === undefined ? 'in the same PostgreSQL' : 'Redis'}`,
    '',
    ...(token === undefined
      ? []
      : [
          `  admin token: ${token}`,
          '  Keep it: it is not shown again. `ipbridge token add` makes others.',
          '',
        ]),
    'Ctrl-C stops it.',
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
}

function parseKinds(text: string): OperationKind[] {
  const kinds = text.split(',').map(kind => kind.trim())
  const unknown = kinds.filter(kind => !(operationKinds as readonly string[]).includes(kind))
  if (unknown.length > 0) {
    throw new InvalidArgumentError(`${unknown.join(', ')} is none of ${operationKinds.join(', ')}.`)
  }
  return kinds as OperationKind[]
}

function parseCount(text: string): number {
  if (/^\d{1,4}$/.test(text) && Number(text) >= 1 && Number(text) <= 1_000) return Number(text)
  throw new InvalidArgumentError('It takes a whole number from 1 to 1000.')
}
