import { serviceCreated } from '../end-to-end.ts'

/** So many events later a service that was created may get another address, or be deleted. */
const later = 500

/**
 * The events of a hosting company, one after the other and without end: of ten, eight services are created, one gets
 * another address and one is deleted.
 * @param run tells them from those of other runs
 */
export function businessOf(run: string) {
  let [count, services] = [0, 0]

  function next(): { id: string } {
    const n = count++
    const id = `${run}-${n}`
    const old = services - later - (n % 10)
    const event = (type: string, data: object) => ({ ...serviceCreated(id), id, type, data })
    if (n % 10 === 8 && old > 0)
      return event('ip.ordered', { service: `${run}-s${old}`, order: id, family: 'ipv4', count: 1 })
    if (n % 10 === 9 && old > 0) return event('service.deleted', { service: `${run}-s${old}` })
    return { ...serviceCreated(`${run}-s${services++}`), id }
  }

  return { next }
}
