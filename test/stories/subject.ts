import type { ServerInput } from '../../src/desk/schemas.ts'
import type { PanelFactory } from '../../src/panels/servers.ts'
import type { Memory } from '../../src/simulators/remember.ts'

/** A panel of which the story is told: a simulated one, on a socket of its own. */
export interface Subject {
  /** What people call it. */
  name: string
  /** @param options.atOnce its tasks have their effect before anybody can ask again */
  start(options?: { atOnce?: boolean }): Promise<SubjectPanel>
}

export interface SubjectPanel {
  /** The panel's own driver. */
  factory: PanelFactory
  /** How it is entered as a server, but for its name and its connection. */
  server: Pick<ServerInput, 'panel' | 'url' | 'login' | 'password' | 'options'>
  /** What billing says of a new guest. */
  setup: Record<string, unknown>
  /** Where guests are made by people: makes one, and says which. */
  addGuest?(): Promise<string>
  /** Lets the next change that is asked of it go wrong. */
  failNext(): void
  /** The guests and their addresses, by the panel's own books. */
  guests(): Promise<{ id: string; addresses: string[] }[]>
  /** The PTR that the panel shows, where it keeps any. */
  ptrOf?(guest: string, address: string): Promise<string | undefined>
  /** Remembers what it holds now. */
  remember(): Memory
  stop(): Promise<void>
}
