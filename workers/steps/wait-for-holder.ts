import { type Outcome, waiting } from '../../src/domain/outcome.ts'

/** How often it is looked whether an address has been given up. */
const letGoMs = 5_000

/** How a processor ends that needs an address which another service is about to give up. */
export function waitForHolder(): Outcome {
  return waiting(letGoMs, {
    code: 'still_in_use',
    message: 'its holder has not given the address up yet',
  })
}
