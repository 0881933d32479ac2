/** What one of the products that run guests is like. Each is a table of its own, beside its simulator. */
export interface Product {
  /** The panel's own name, and so its path: `vmmgr`, `vdsmgr`, … */
  mgr: string
  /** Functions: the list of guests, the form of one (which also makes one), its deletion. */
  guests: string
  form: string
  deletion: string
  /** Functions: a guest's addresses, the form of one (which also adds one), its removal. */
  addresses: string
  address: string
  removal: string
  /** What a guest goes by in all functions: its id, or its main address as long as it has one. */
  element: 'id' | 'main address'
  /** What an address goes by. */
  row: 'id' | 'ip'
  /** The parameter and column of a PTR. */
  ptr: 'domain' | 'name'
  /** What the form takes for "any address", beside nothing. */
  any: string
  /** Whether `family` and `iptype` are asked for and shown. */
  hasFamilies: boolean
  /** Whether guests are made here, and what must be said of a new one, beside its name. */
  makes: boolean
  required: readonly string[]
  /** Whether a name must be that of a domain. */
  domainNames: boolean
  /** Whether the list of addresses also has rows for groups of them. */
  groupRows: boolean
}
