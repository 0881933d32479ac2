import { type Element, el } from '../coremanager/element.ts'
import { elidsOf, levels, type Outcome, type PanelFunction } from '../coremanager/panel.ts'
import { PanelError } from '../coremanager/panel-error.ts'
import type { Books } from './books.ts'
import type { BillmanagerUser, RunningOperation } from './state.ts'

const done: Outcome = { kind: 'done', content: [el('ok')] }

/** What staff looks at: operations, tasks and problems (the fact sheet, 3.2, 4.3 and 4.5). */
export function deskFunctions(books: Books): Record<string, PanelFunction<BillmanagerUser>> {
  function operation(id: string): RunningOperation {
    const found = books.operations.get(id)
    if (found) return found
    throw new PanelError({ type: 'missed', object: 'runningoperation', value: id })
  }

  return {
    runningoperation: {
      level: levels.admin,
      run: () =>
        list(
          ['id', 'item', 'command', 'trycount', 'manual', 'errorxml'],
          [...books.operations.values()].map(one => ({
            ...one,
            trycount: String(one.trycount),
            manual: one.manual ? 'on' : 'off',
          })),
        ),
    },
    'runningoperation.edit': {
      level: levels.admin,
      run({ params }) {
        const one = operation(params.get('elid') ?? '')
        one.errorxml = params.get('errorxml') ?? one.errorxml
        if (params.has('manual')) one.manual = params.get('manual') === 'on'
        return done
      },
    },
    'runningoperation.setmanual': {
      level: levels.admin,
      run({ params }) {
        operation(params.get('elid') ?? '').manual = true
        return done
      },
    },
    'runningoperation.delete': {
      level: levels.admin,
      run({ params }) {
        for (const id of elidsOf(params)) books.operations.delete(operation(id).id)
        return done
      },
    },
    task: {
      level: levels.admin,
      run: () => list(['id', 'item', 'runningoperation', 'type'], books.tasks),
    },
    'problems.register': {
      level: levels.admin,
      run({ params }) {
        const problem = Object.fromEntries(params)
        for (const name of ['authinfo', 'auth', 'func', 'out', 'lang', 'sok']) delete problem[name]
        if (!problem['name']) throw new PanelError({ type: 'missed', object: 'name' })
        books.problems.push(problem)
        return done
      },
    },
    'license.info': {
      level: levels.user,
      run: () => ({ kind: 'form', content: [el('panel_name', 'BILLmanager'), el('version', '6.120.0')] }),
    },
  }
}

function list<C extends string>(fields: readonly C[], rows: readonly Record<C, string>[]): Outcome {
  const content: Element[] = rows.map(row =>
    el(
      'elem',
      fields.map(name => el(name, row[name])),
    ),
  )
  return { kind: 'list', key: 'id', fields, content: [...content, el('p_elems', String(rows.length))] }
}
