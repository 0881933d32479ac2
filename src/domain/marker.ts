/** What is written into an IPAM record so that a grant whose answer was lost can be found again. */
export type Marker = string

const pattern = /\bipb:([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})(?:\.(\d+))?\b/

/**
 * The marker of an assignment. Each address that turned out to be in conflict keeps the marker it was granted
 * under; the assignment goes on under the next one.
 */
export function markerOf(assignment: { id: string; conflicts: number }): Marker {
  return assignment.conflicts === 0 ? `ipb:${assignment.id}` : `ipb:${assignment.id}.${assignment.conflicts}`
}

/** Finds our marker in the text of an IPAM record, whatever people have written around it. */
export function findMarker(text: string | null | undefined): Marker | undefined {
  return text?.match(pattern)?.[0]
}

/** The assignment that a marker belongs to. */
export function assignmentOfMarker(marker: Marker): string | undefined {
  return marker.match(pattern)?.[1]
}

/** Whether ipbridge can have made a marker: the ids that it gives are of version 7. */
export function isMadeHere(marker: Marker): boolean {
  return assignmentOfMarker(marker)?.charAt(14) === '7'
}
