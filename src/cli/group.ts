import type { Command } from 'commander'
import { z } from 'zod'
import { paging } from '../desk/filters.ts'
import type { Page, PageQuery } from '../desk/paging.ts'
import { exitCodes } from './failure.ts'
import { addFieldFlags, addFileFlag, readFields } from './fields.ts'
import { type Columns, detailsOf, say, sayJson, tableOf } from './output.ts'
import { type Session, withApp } from './session.ts'

type Shape = z.ZodRawShape

/** What a command that changes something also takes. */
interface Change extends Session {
  /** Why, for the audit. */
  reason: string | undefined
}

export type Group = ReturnType<typeof createGroup>

const asJson = ['--json', 'print JSON'] as const
const why = ['--reason <text>', 'why; it stands in the audit'] as const

/**
 * The commands about one kind of thing, such as `ipbridge pool add`. Each is a thin shell around the desk.
 * @param about what this thing is, in a few words
 */
export function createGroup(program: Command, name: string, about: string) {
  const group = program.command(name).description(about)

  return {
    /** `list` and its like: one page, as a table or as `{items, next}`. */
    list<T, S extends Shape>(
      description: string,
      filters: S,
      read: (session: Session, query: z.output<z.ZodObject<S>> & PageQuery, of: string) => Promise<Page<T>>,
      columns: Columns<NoInfer<T>>,
      { name = 'list', of }: { name?: string; of?: string } = {},
    ): void {
      const schema = z.strictObject({ ...filters, ...paging })
      const command = group
        .command(name)
        .description(description)
        .option(...asJson)
      if (of !== undefined) command.argument(`<${of}>`)
      addFieldFlags(command, schema).action(async () => {
        const query = (await readFields(schema, command.opts())) as z.output<z.ZodObject<S>> & PageQuery
        await withApp(async session => {
          const page = await read(session, query, command.args[0] ?? '')
          if (command.opts()['json']) return sayJson(page)
          if (page.items.length === 0) return say('none')
          for (const line of tableOf(page.items, columns)) say(line)
          if (page.next) say(`\nthere is more: --cursor ${page.next}`)
        })
      })
    },

    /** `show`: one thing, whole. */
    show(
      argument: string,
      description: string,
      read: (session: Session, which: string) => Promise<object>,
    ): void {
      group
        .command('show')
        .description(description)
        .argument(`<${argument}>`)
        .option(...asJson)
        .action((which: string, options) =>
          withApp(async session => tell(await read(session, which), options)),
        )
    },

    /** `add`: with a flag for each field of the schema. */
    add<T extends z.ZodObject<Shape>>(
      description: string,
      schema: T,
      add: (change: Change, input: z.output<T>) => Promise<object>,
    ): Command {
      const command = group.command('add').description(description)
      return addFileFlag(addFieldFlags(command, schema))
        .option(...why)
        .option(...asJson)
        .action(async options => {
          const input = await readFields(schema, options)
          await withApp(async session =>
            tell(await add({ ...session, reason: options.reason }, input), options),
          )
        })
    },

    /** `change` and its like: something that takes fields is done to one of them. */
    change<T extends z.ZodObject<Shape>>(
      name: string,
      argument: string,
      description: string,
      schema: T,
      change: (change: Change, which: string, input: z.output<T>) => Promise<object>,
    ): void {
      const command = group.command(name).description(description).argument(`<${argument}>`)
      const takesFields = Object.keys(schema.shape).length > 0
      if (takesFields) addFileFlag(addFieldFlags(command, schema))
      command
        .option(...why)
        .option(...asJson)
        .action(async (which: string, options) => {
          const input = await readFields(schema, options)
          await withApp(async session =>
            tell(await change({ ...session, reason: options.reason }, which, input), options),
          )
        })
    },

    /** Anything that is done to some of them, by name or id: `remove`, `retry`, … */
    act(
      name: string,
      argument: string,
      description: string,
      done: string,
      act: (change: Change, which: string) => Promise<unknown>,
    ): void {
      group
        .command(name)
        .description(description)
        .argument(`<${argument}...>`)
        .option(...why)
        .action((all: string[], options) =>
          withApp(async session => {
            for (const which of all) {
              await act({ ...session, reason: options.reason }, which)
              say(`${which} ${done}`)
            }
          }),
        )
    },

    /** `test`: what works and what does not. Exits with 1 where something does not. */
    test(description: string, test: (session: Session, name: string) => Promise<{ ok: boolean }>): void {
      group
        .command('test')
        .description(description)
        .argument('<name>')
        .option(...asJson)
        .action((name: string, options) =>
          withApp(async session => {
            const result = await test(session, name)
            tell(result, options)
            if (!result.ok) process.exitCode = exitCodes.failed
          }),
        )
    },
  }
}

function tell(result: object, { json }: { json?: boolean }): void {
  if (json) sayJson(result)
  else for (const line of detailsOf(result)) say(line)
}
