import type { ErrorCode } from '../errors.ts'
import type { Db } from './client.ts'

/** What is wrong with a connection, as its latest call found out. */
export interface Problem {
  code: ErrorCode
  message: string
}

export type Problems = ReturnType<typeof createProblems>

/** Keeps with each connection what is wrong with it, for those who look at it instead of at an operation. */
export function createProblems(db: Db) {
  /** What this process noted last, so that the same is not written again with every call. */
  const noted = new Map<string, string>()

  return {
    /** @param problem undefined: its latest call went well */
    async note(connectionId: string, problem: Problem | undefined): Promise<void> {
      const key = problem === undefined ? '' : `${problem.code} ${problem.message}`
      if (noted.get(connectionId) === key) return
      noted.set(connectionId, key)
      // Raw, so that the connection does not count as changed; the time is that of the first call that found it.
      if (problem === undefined) {
        await db.$executeRaw`
          update connection set problem = null where id = ${connectionId}::uuid and problem is not null`
      } else {
        await db.$executeRaw`
          update connection set problem = ${JSON.stringify(problem)}::jsonb || jsonb_build_object('since',
            case when problem->>'code' = ${problem.code} then problem->'since' else to_jsonb(now()) end)
          where id = ${connectionId}::uuid`
      }
    },
  }
}
