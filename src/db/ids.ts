import { v7 } from 'uuid'

/**
 * A new id: time-ordered, so that indexes grow at one end, and never used twice, not even by an installation
 * that was set back to an older backup. Markers in IPAM records rely on that.
 */
export function newId(): string {
  return v7()
}
