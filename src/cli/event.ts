import { type Command, InvalidArgumentError, Option } from 'commander'
import { newId } from '../db/ids.ts'
import { outcomesOf } from '../desk/outcomes.ts'
import { eventTypes } from '../domain/events.ts'
import { untilAtRest } from './at-rest.ts'
import { eventOf } from './event-arguments.ts'
import { takeFile } from './event-file.ts'
import { exitCodes, WrongUse } from './failure.ts'
import { say, sayJson, shown } from './output.ts'
import { actor, withApp } from './session.ts'

interface Options {
  file?: string
  source?: string
  id?: string
  time?: string
  sequence?: string
  /** In seconds. */
  wait?: number
  json?: boolean
}

const usualWait = 30

/** `event`: events of billing, from arguments or from a file. */
export function addEventCommand(program: Command): void {
  program
    .command('event')
    .description('take in one event of billing, or a file of them')
    .argument('[type]', `one of ${eventTypes.join(', ')}`)
    .argument('[fields...]', 'the fields of its data: name=text, or name:=json')
    .option('--file <file>', 'take in a file with one CloudEvent (JSON) a line; - is standard input')
    .option('--source <source>', 'who says so (default: cli:<user>)')
    .option('--id <id>', 'what identifies the event within its source (default: a new one)')
    .option('--time <time>', 'when it happened, such as 2026-01-31T12:00:00Z (default: now)')
    .option('--sequence <digits>', 'orders the events of one source more finely than the time')
    .addOption(
      new Option('--wait [seconds]', `wait for what comes of it, ${usualWait} seconds unless told otherwise`)
        .argParser(parseSeconds)
        .preset(usualWait),
    )
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Examples:
  ipbridge event service.created service.id=10542 service.kind=vps service.client=77 \\
    service.domain=shop.example.net service.server=node1 addresses.0.family=ipv4 addresses.1.family=ipv6 --wait
  ipbridge event ip.ordered service=10542 order=901 family=ipv4 count=2
  ipbridge event ptr.changed address=192.0.2.7 ptr=mail.example.net
  ipbridge event ptr.changed address=192.0.2.7 ptr=null
  ipbridge event service.deleted service=10542
  ipbridge event --file events.ndjson

A bad line of a file is told of and does not stop the others; then the exit code is 1. A file may be taken in
again: what is known already counts as duplicate.`,
    )
    .action((type: string | undefined, fields: string[], options: Options) => {
      if (options.file === undefined) return takeOne(type, fields, options)
      if ((type !== undefined || options.source) ?? options.id ?? options.time ?? options.sequence) {
        throw new WrongUse(
          '--file brings whole events with it: give neither a type nor fields, --source, --id, --time or --sequence',
        )
      }
      return takeFile(options.file, options)
    })
}

async function takeOne(type: string | undefined, fields: string[], options: Options): Promise<void> {
  if (type === undefined) {
    throw new WrongUse(`give a type of event (${eventTypes.join(', ')}) with its fields, or --file`)
  }
  const { source = actor().name, id = newId(), time, sequence, wait } = options
  const event = eventOf(type, fields, { source, id, time, sequence }, new Date())
  await withApp(async session => {
    const { app } = session
    const receipts = await app.intake.accept([event], 'cli')
    const [receipt] = receipts
    const duplicates = receipt?.status === 'duplicate' ? 1 : 0
    const counts = { accepted: 1 - duplicates, duplicates }
    if (wait === undefined) {
      if (options.json) return sayJson({ ...counts, events: receipts })
      return say(
        `${receipt?.status}: event ${shown(id)} of ${shown(source)}, operations: ${shown(receipt?.operations)}`,
      )
    }
    await untilAtRest(session, receipt?.operations ?? [], wait * 1_000)
    const { events, atRest } = await outcomesOf(app.desk, receipts)
    const [outcome] = events
    if (options.json) sayJson({ ...counts, events })
    else {
      say(`${outcome?.status}: event ${shown(id)} of ${shown(source)}: ${outcome?.state}`)
      for (const view of outcome?.addresses ?? [])
        say(`  ${shown(view.address)}  ${view.state}  ${shown(view.ptr)}`)
      for (const { operation, code, message } of outcome?.errors ?? [])
        say(`  ${operation}  ${code}: ${shown(message)}`)
    }
    if (!atRest || outcome?.state === 'failed' || outcome?.state === 'parked')
      process.exitCode = exitCodes.failed
  })
}

function parseSeconds(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) >= 1) return Number(text)
  throw new InvalidArgumentError('It takes a whole number of seconds.')
}
