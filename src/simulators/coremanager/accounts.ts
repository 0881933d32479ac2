import { timingSafeEqual } from 'node:crypto'
import { contains, parseKey, parseRange } from './addresses.ts'
import { el } from './element.ts'
import { type Account, elidsOf, isSubmit, levels, type PanelFunction } from './panel.ts'
import { PanelError } from './panel-error.ts'

/** The people that a panel knows. */
export interface Accounts<A extends Account> {
  find(name: string): A | undefined
  /** The account, if the password is its own. */
  check(name: string, password: string): A | undefined
  put(account: A): void
  remove(name: string): boolean
  all(): A[]
}

export function createAccounts<A extends Account>(initial: readonly A[]): Accounts<A> {
  const byName = new Map(initial.map(account => [account.name, account]))
  return {
    find: name => byName.get(name),
    check(name, password) {
      const account = byName.get(name)
      return account && same(account.password, password) ? account : undefined
    },
    put: account => void byName.set(account.name, account),
    remove: name => byName.delete(name),
    all: () => [...byName.values()],
  }
}

/** Whether a network address is on a list of addresses, `a-b` and networks. No list: everyone is. */
export function isFrom(list: readonly string[] | undefined, remote: string): boolean {
  if (list === undefined) return true
  const key = parseKey(remote.replace(/^::ffff:/, ''))
  return (
    key !== undefined &&
    list.some(text => {
      const range = parseRange(text)
      return range !== undefined && contains(range, key)
    })
  )
}

/**
 * `user`, `user.edit` and `user.delete`, as an administrator has them in every panel (the fact sheet, 2.1).
 * @param blank what a new account has besides name, password and level
 */
export function userFunctions<A extends Account>(
  accounts: Accounts<A>,
  blank: Omit<A, keyof Account>,
): Record<string, PanelFunction<A>> {
  return {
    user: {
      level: levels.admin,
      run: () => ({
        kind: 'list',
        key: 'name',
        fields: ['name', 'level'],
        content: [
          ...accounts
            .all()
            .map(({ name, level }) => el('elem', [el('name', name), el('level', String(level))])),
          el('p_elems', String(accounts.all().length)),
        ],
      }),
    },
    'user.edit': {
      level: levels.admin,
      run({ params }) {
        const elid = params.get('elid') ?? ''
        const known = accounts.find(elid)
        if (elid !== '' && !known)
          throw new PanelError({ type: 'value', object: 'elid', value: elid, desc: 'desk_empty' })
        if (!isSubmit(params)) {
          const content = [
            el('elid', elid),
            el('name', known?.name ?? ''),
            el('level', String(known?.level ?? levels.user)),
          ]
          return { kind: 'form', fields: ['name', 'passwd', 'confirm', 'level'], content }
        }
        const account = edited(params, known, blank)
        if (!known && accounts.find(account.name))
          throw new PanelError({ type: 'exists', object: 'user', value: account.name })
        accounts.put(account)
        return { kind: 'done', content: [el('id', account.name), el('ok')] }
      },
    },
    'user.delete': {
      level: levels.admin,
      run({ params }) {
        for (const name of elidsOf(params)) {
          if (!accounts.remove(name)) throw new PanelError({ type: 'missed', object: 'user', value: name })
        }
        return { kind: 'done', content: [el('ok')] }
      },
    },
  }
}

function edited<A extends Account>(
  params: URLSearchParams,
  known: A | undefined,
  blank: Omit<A, keyof Account>,
): A {
  const name = known?.name ?? params.get('name') ?? ''
  const password = params.get('passwd') ?? known?.password ?? ''
  const level = Number(params.get('level') ?? known?.level ?? levels.user)
  if (name === '') throw new PanelError({ type: 'missed', object: 'name' })
  if (password === '') throw new PanelError({ type: 'missed', object: 'passwd' })
  if (params.has('passwd') && params.get('confirm') !== password)
    throw new PanelError({ type: 'value', object: 'confirm' })
  if (level !== levels.user && level !== levels.admin && level !== levels.root)
    throw new PanelError({ type: 'value', object: 'level', value: String(level) })
  return { ...blank, ...known, name, password, level } as A
}

function same(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}
