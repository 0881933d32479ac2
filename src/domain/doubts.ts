import type { Address } from './address.ts'

/** What a run has counted so far. */
export interface Tally {
  /** Addresses of either side. */
  compared: number
  /** Of them, those that the IPAM listed, and those that the ledger has. */
  seen: number
  ours: number
  /** Of ours, those that the IPAM does not have. */
  missing: number
  /** Of ours, those that the list left out although the IPAM has them. */
  omitted: number
  /** Addresses that the list gave twice, or out of order, and the first one of them. */
  repeated: number
  firstRepeated?: Address
  /** Records that were read one by one. */
  reads: number
}

export const nothingCounted: Tally = {
  compared: 0,
  seen: 0,
  ours: 0,
  missing: 0,
  omitted: 0,
  repeated: 0,
  reads: 0,
}

/** More of ours than this may not be missing from a list that is to be believed: a tenth, and two of very few. */
export function mostMissing(ours: number): number {
  return Math.max(2, ours / 10)
}

/**
 * Why an IPAM's list is not to be believed so far that an address is taken from anybody. What was found is told
 * all the same.
 * @returns reasons, for people; none where all is well
 */
export function doubtsAbout(ipam: string, tally: Tally): string[] {
  const { ours, missing, omitted, repeated, firstRepeated } = tally
  const absent = missing + omitted
  return [
    ...(absent > mostMissing(ours)
      ? [`the list of ${ipam} is not whole: ${absent} of our ${ours} addresses are not in it`]
      : []),
    ...(repeated > 0
      ? [`the list of ${ipam} is not in order: ${repeated} addresses came again, first ${firstRepeated}`]
      : []),
  ]
}
