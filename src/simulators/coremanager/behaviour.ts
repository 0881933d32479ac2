import { z } from 'zod'

/** What differs between COREmanager panels of any product. A product's simulator adds what is its own. */
export const panelBehaviour = {
  /** Whether a list with one row shows it bare, as was captured, or as an array of one. */
  oneRow: z.enum(['object', 'array']),
  /** How long a session lives without being used. */
  sessionSeconds: z.number(),
  /** Whether a session is good for the network address only that opened it. */
  bindSessions: z.boolean(),
  /** Rows a page where the caller names no `p_cnt`. */
  pageSize: z.number().int().positive(),
  /** The most rows that a page has, whatever `p_cnt` asks for. */
  largestPage: z.number().int().positive(),
}

export const defaultPanelBehaviour = {
  oneRow: 'object',
  sessionSeconds: 3_600,
  bindSessions: true,
  pageSize: 100,
  largestPage: 100_000,
} as const
