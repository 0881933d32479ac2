/** A driver and the system at its other end. */
export interface Subject {
  /** What nobody may ever read in an error. */
  secrets: readonly string[]
  /** One call of each kind, on things of its own. `through` is the driver behind the middleman. */
  calls: Record<string, (signal: AbortSignal) => Promise<unknown>>
  /**
   * Does the same call as it should be, puts everything back, and looks whether it came to the one effect that was
   * wanted. @param lied whether the garbled answer may have said something false: then only that nothing hangs
   */
  settle?(call: string, lied: boolean): Promise<void>
  close(): Promise<void>
}

/** How a subject is made for a URL: the simulator's own one, or the middleman's. */
export type Through = (real: string) => string
