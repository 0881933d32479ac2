import { createApi } from './app.ts'
import type { ApiPorts } from './parts.ts'

/** How long requests that are under way may take once closing has begun, in milliseconds. */
const graceMs = 10_000

/** An API that answers. */
export interface Served {
  url: string
  /** Ends what is under way, in bounded time. */
  close(): Promise<void>
}

/** Begins to answer HTTP. @param place.port 0 stands for one that is free */
export async function serveApi(
  ports: ApiPorts,
  { host, port }: { host: string; port: number },
): Promise<Served> {
  const api = await createApi(ports)
  const url = await api.listen({ host, port })
  return {
    url,
    async close() {
      // A connection whose last answer went out after closing began would stay until its client hangs up.
      const idle = setInterval(() => api.server.closeIdleConnections(), 100)
      const force = setTimeout(() => api.server.closeAllConnections(), graceMs)
      await api.close()
      clearInterval(idle)
      clearTimeout(force)
    },
  }
}
