/** What a build may lack: each is a way in which ipbridge could be wrong, and was or nearly was. */
export const defects = [
  'no fence',
  'no marker search',
  'no unique index',
  'no usage check',
  'twin claims',
] as const

export type Defect = (typeof defects)[number]
