import { InvalidArgumentError } from 'commander'

/** Reads a flag that takes a whole number from 0 to `most`. */
export function wholeNumber(most: number) {
  return (text: string): number => {
    if (/^\d{1,6}$/.test(text) && Number(text) <= most) return Number(text)
    throw new InvalidArgumentError(`It takes a whole number from 0 to ${most}.`)
  }
}
