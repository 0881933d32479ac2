/**
 * What a build may lack: each is a way in which ipbridge could be wrong, and was or nearly was. `invariant` is the one
 * that it must be caught by, and `seed` the first that catches it so, from 1.
 */
export const controls = {
  'no unique index': { invariant: 1, seed: 62 },
  'accepted before it is stored': { invariant: 2, seed: 2 },
  'events count in the order of delivery': { invariant: 3, seed: 4 },
  'no usage check': { invariant: 4, seed: 2 },
  'no fence': { invariant: 2, seed: 1 },
  'no marker search': { invariant: 5, seed: 1 },
  'lost answers are failures': { invariant: 5, seed: 2 },
  'twin claims': { invariant: 5, seed: 1 },
  'no cooldown': { invariant: 6, seed: 1 },
  'PTR left behind': { invariant: 7, seed: 1 },
  'nobody takes back what the dead held': { invariant: 8, seed: 1 },
  'reconciliation trusts one run': { invariant: 10, seed: 3 },
} as const satisfies Record<string, { invariant: number; seed: number }>

export type Defect = keyof typeof controls

export const defects = Object.keys(controls) as Defect[]
