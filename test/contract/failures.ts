import { IpbridgeError } from '../../src/errors.ts'

/** The failure that a call must end in: one of ours, which says whether trying again can help. */
export async function failureOf(call: Promise<unknown>): Promise<IpbridgeError> {
  const result = await outcomeOf(call)
  if (result instanceof IpbridgeError) return result
  throw new Error(`it should have failed, but gave ${JSON.stringify(result)}`)
}

/** What a call gave, or the failure that it ended in; any other error than one of ours is thrown. */
export async function outcomeOf<T>(call: Promise<T>): Promise<T | IpbridgeError> {
  try {
    return await call
  } catch (error) {
    if (error instanceof IpbridgeError) return error
    throw error
  }
}
