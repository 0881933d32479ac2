import type { Element } from './element.ts'
import type { ListFault } from './faults.ts'

/** Levels of access, as `auth` reports them (the fact sheet, 1.2). */
export const levels = { root: 30, admin: 29, user: 16 } as const

export interface Account {
  name: string
  password: string
  level: number
  /** From where `authinfo` is accepted: addresses, `a-b`, networks. Default: everywhere. */
  apiFrom?: string[]
  /** From where the account may sign in at all. Default: everywhere. */
  panelFrom?: string[]
}

/** A request to one function, after sign-in. */
export interface Call<A extends Account = Account> {
  func: string
  params: URLSearchParams
  account: A
  lang: string
  /** What is to go wrong with a list that is asked for. */
  listFault: ListFault | undefined
}

/** What a function answers. */
export interface Outcome {
  kind: 'list' | 'form' | 'done'
  content: readonly Element[]
  /** Lists: the name of the column that identifies a row. */
  key?: string
  /** Columns of a list, fields of a form: shown in the metadata of `json` and `devel`. */
  fields?: readonly string[]
  /** `out=text`, where it is not the usual `name=value` rows. */
  text?: string
}

export interface PanelFunction<A extends Account = Account> {
  /** The lowest level that may call it. */
  level: number
  run(call: Call<A>): Outcome
}

/** Whether the form is submitted: any `sok` but an empty one (the fact sheet, 1.3). */
export const isSubmit = (params: URLSearchParams): boolean => (params.get('sok') ?? '') !== ''

/** The elements that a call is about: `elid` may hold several, joined by a comma and a space. */
export const elidsOf = (params: URLSearchParams): string[] =>
  (params.get('elid') ?? '')
    .split(',')
    .map(one => one.trim())
    .filter(one => one !== '')
