import type { IncomingMessage } from 'node:http'

/** More than a panel would take. */
const largestBody = 1_000_000

/** The whole body as text; undefined where it is too large. */
export async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > largestBody) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** The parameters of query and form body together; the body's win. */
export function parametersOf(request: IncomingMessage, url: URL, body: string): URLSearchParams {
  const params = new URLSearchParams(url.search)
  const isForm = request.headers['content-type']?.startsWith('application/x-www-form-urlencoded')
  if (request.method === 'POST' && isForm) {
    for (const [name, value] of new URLSearchParams(body)) params.set(name, value)
  }
  return params
}

/** One cookie of a request. */
export function cookieOf(request: IncomingMessage, name: string): string | undefined {
  for (const part of (request.headers.cookie ?? '').split(';')) {
    const [key, value] = part.trim().split('=')
    if (key === name) return value
  }
  return undefined
}
