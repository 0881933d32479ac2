/** Lets things that are about the same go one after the other, in the order in which they came. */
export function createTurns() {
  const last = new Map<string, Promise<unknown>>()
  return function inTurn<T>(about: string, work: () => Promise<T>): Promise<T> {
    const mine = (last.get(about) ?? Promise.resolve()).then(work)
    last.set(
      about,
      mine.catch(() => undefined),
    )
    return mine
  }
}
