import { asIpbridgeError, IpbridgeError } from '../errors.ts'

/**
 * Makes a driver of settings and throws it away: what it cannot work with is told to whoever enters it.
 * @throws invalid_request where the settings are not what the driver takes
 */
export function rehearse(make: () => void): void {
  try {
    make()
  } catch (error) {
    const { code, message, faults } = asIpbridgeError(error)
    if (code !== 'invalid_configuration') throw error
    throw new IpbridgeError('invalid_request', message, { cause: error, ...(faults && { faults }) })
  }
}
