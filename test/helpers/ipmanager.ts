import { request as httpRequest } from 'node:http'
import { request as httpsRequest, type RequestOptions } from 'node:https'

export {
  type Ipmanager,
  type IpmanagerOptions,
  startIpmanager,
} from '../../src/simulators/ipmanager/start.ts'

/** The two accounts of the simulator's example state, as `authinfo`. */
export const bill = 'bill:bill-password'
export const billAdmin = 'bill_admin:admin-password'

/** The same two, as a connection names them. */
export const billAccounts = {
  login: 'bill',
  password: 'bill-password',
  adminlogin: 'bill_admin',
  adminpassword: 'admin-password',
}

/** The same two, as users of a panel. @param rights what `bill` may take from */
export const billUsers = (rights: { range: string; iptype: string }[]) => [
  { name: 'bill_admin', password: 'admin-password', level: 29, rights: [], hidden: [] },
  { name: 'bill', password: 'bill-password', level: 16, rights, hidden: [] },
]

export interface RawAnswer {
  status: number
  contentType: string | undefined
  cookie: string | undefined
  body: string
}

/**
 * Sends one form to a panel and gives back exactly what came, without any driver in between.
 * @throws what the socket throws, when the answer breaks off or never comes
 */
export function post(
  url: string,
  params: Record<string, string>,
  options: RequestOptions = {},
): Promise<RawAnswer> {
  const body = new URLSearchParams(params).toString()
  const headers = { 'content-type': 'application/x-www-form-urlencoded', ...options.headers }
  return send(url, body, { ...options, method: 'POST', headers })
}

/** Sends a request with any body. */
export function send(url: string, body: string, options: RequestOptions = {}): Promise<RawAnswer> {
  const request = url.startsWith('https:') ? httpsRequest : httpRequest
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent: false, ...options }, response => {
      const chunks: Buffer[] = []
      response.on('data', chunk => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          contentType: response.headers['content-type'],
          cookie: response.headers['set-cookie']?.[0],
          body: Buffer.concat(chunks).toString('utf8'),
        }),
      )
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

// biome-ignore lint/suspicious/noExplicitAny: answers are looked at field by field
export type Doc = any

/** Sends a form and reads the answer's `doc` as JSON. */
export async function ask(url: string, params: Record<string, string>): Promise<Doc> {
  const { body } = await post(url, { out: 'sjson', ...params })
  return JSON.parse(body).doc
}

/** Calls the simulator's control over HTTP, as another process does. */
export async function control(controlUrl: string, path: string, ...args: unknown[]): Promise<Doc> {
  const headers = { 'content-type': 'application/json' }
  const { body } = await send(`${controlUrl}/${path}`, JSON.stringify(args), { method: 'POST', headers })
  const { result, error } = JSON.parse(body)
  if (error !== undefined) throw new Error(error)
  return result
}
