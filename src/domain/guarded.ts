import { z } from 'zod'

/**
 * Makes a normaliser that throws usable as a zod transform that reports.
 * @param refusal what the normaliser throws about bad input; anything else is a mistake of ours and goes on
 */
export function guarded<T>(normalize: (input: string) => T, refusal: new (message: string) => Error) {
  return (input: string, context: z.RefinementCtx): T => {
    try {
      return normalize(input)
    } catch (error) {
      if (!(error instanceof refusal)) throw error
      context.addIssue({ code: 'custom', message: error.message, input })
      return z.NEVER
    }
  }
}
