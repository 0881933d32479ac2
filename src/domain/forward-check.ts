/**
 * Whether a name must lead back to the address that it is given to (forward-confirmed reverse DNS). `off`: nobody
 * looks · `warn`: it is noted with the operation · `enforce`: a name that leads elsewhere is not written
 */
export const forwardChecks = ['off', 'warn', 'enforce'] as const
export type ForwardCheck = (typeof forwardChecks)[number]

/** What DNS said: the name leads to the address, or elsewhere, or nobody answered. */
export type ForwardVerdict = 'confirmed' | 'leads elsewhere' | 'no answer'
