import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { permissions } from '../../../src/api/roles.ts'
import { startTestApi, type TestApi } from '../../helpers/api.ts'
import { queueMissing } from '../../helpers/app.ts'

interface Media {
  content?: Record<string, { schema?: object }>
  description?: string
}
interface Described {
  operationId: string
  summary: string
  description: string
  tags: string[]
  security: object[]
  parameters?: { name: string; in: string; required: boolean; schema: object }[]
  requestBody?: Media
  responses: Record<string, Media>
}

describe.skipIf(queueMissing)('the OpenAPI document', () => {
  let bed: TestApi
  let document: {
    openapi: string
    paths: Record<string, Record<string, Described>>
    components: { schemas: Record<string, { properties?: object }>; securitySchemes: object }
    tags: { name: string }[]
  }
  let operations: { path: string; method: string; operation: Described }[]

  beforeAll(async () => {
    bed = await startTestApi({ work: false })
    document = (await bed.ask(undefined, 'GET', '/api/openapi.json')).json()
    operations = Object.entries(document.paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
    )
  })
  afterAll(() => bed.shutDown())

  it('is of version 3.1 and knows every route of the API', () => {
    expect(document.openapi).toMatch(/^3\.1\.\d$/)
    const routes = bed.api.knownRoutes.filter(
      ({ url, method }) => url.startsWith('/api/v1/') && method !== 'HEAD',
    )
    expect(operations.map(({ path, method }) => `${method} ${path}`).sort()).toEqual(
      routes.map(({ url, method }) => `${method.toLowerCase()} ${url.replace(/:(\w+)/g, '{$1}')}`).sort(),
    )
  })

  it('names each operation once, and says what it does and for whom', () => {
    const ids = operations.map(({ operation }) => operation.operationId)
    expect(new Set(ids).size).toBe(ids.length)
    const tags = document.tags.map(tag => tag.name)
    for (const { operation } of operations) {
      expect(operation.operationId).toMatch(/^[a-z][A-Za-z]+$/)
      expect(operation.summary).toMatch(/^[A-Z].*[^.]$/)
      expect(operation.description).toMatch(/^(For the roles .*|Needs no token)\.$/)
      expect(operation.tags.filter(tag => !tags.includes(tag))).toEqual([])
    }
    const send = document.paths['/api/v1/events']?.['post']
    expect(send?.description).toBe(`For the roles ${permissions['events.send'].join(', ')}.`)
    expect(send?.security).toEqual([{ token: [] }, { session: [] }])
    expect(document.paths['/api/v1/session']?.['post']?.security).toEqual([])
  })

  it('has a schema for every answer that has a body, and problems for the rest', () => {
    for (const { path, method, operation } of operations) {
      const codes = Object.keys(operation.responses)
      expect([path, method, codes.filter(code => /^20\d$/.test(code)).length]).not.toEqual([path, method, 0])
      for (const [code, { content, description }] of Object.entries(operation.responses)) {
        expect([path, method, code, description]).not.toEqual([path, method, code, 'Default Response'])
        const type = /^[45]XX$/.test(code) ? 'application/problem+json' : 'application/json'
        const schema = content?.[type]?.schema ?? {}
        expect([path, method, code, Object.keys(schema).length > 0]).toEqual([
          path,
          method,
          code,
          code !== '204',
        ])
      }
      expect(codes).toEqual(expect.arrayContaining(['4XX', '5XX']))
    }
  })

  it('describes every parameter of its paths, and every body', () => {
    for (const { path, method, operation } of operations) {
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(match => match[1])
      const given = (operation.parameters ?? []).filter(parameter => parameter.in === 'path')
      expect(given.map(parameter => parameter.name)).toEqual(named)
      expect(given.every(parameter => parameter.required)).toBe(true)
      const needsBody = method === 'patch' || (method === 'post' && !path.endsWith('/test'))
      expect([path, method, operation.requestBody !== undefined]).toEqual([path, method, needsBody])
    }
    const body = document.paths['/api/v1/events']?.['post']?.requestBody
    expect(Object.keys(body?.content ?? {})).toContain('application/cloudevents-batch+json')
  })

  it('refers to nothing that is not there, and holds nothing that is not referred to', () => {
    const referred = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(
      m => m[1],
    )
    expect([...new Set(referred)].sort()).toEqual(Object.keys(document.components.schemas).sort())
    expect(JSON.stringify(document)).not.toMatch(/"\$ref":"(?!#\/components\/schemas\/)/)
    expect(JSON.stringify(document)).not.toContain('"nullable"')
  })

  it('shows the shapes that the outside relies on', () => {
    const fields = (name: string) => Object.keys(document.components.schemas[name]?.properties ?? {})
    const contract = {
      Address: 'address family service slot state ptr server connection marker assignedAt releasedAt',
      Service: 'id kind client domain server state addresses operations',
      Operation: 'id kind state service address attempts error steps cause createdAt endedAt',
      Plan: 'id connection hash state counts',
      Receipts: 'accepted duplicates events',
    }
    for (const [name, expected] of Object.entries(contract)) {
      expect([name, fields(name)]).toEqual([name, expect.arrayContaining(expected.split(' '))])
    }
    expect(fields('Connection')).not.toContain('password')
  })

  it('is readable by people, with what the page needs', async () => {
    const page = await bed.ask(undefined, 'GET', '/docs')
    expect(page.statusCode).toBe(200)
    const assets = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(match => match[1] ?? '')
    expect(assets.length).toBeGreaterThan(3)
    for (const asset of assets) {
      expect([asset, (await bed.ask(undefined, 'GET', asset)).statusCode]).toEqual([asset, 200])
    }
    expect(page.headers['content-security-policy']).toContain("script-src 'self'")
    expect(page.body).not.toMatch(/<script>|<script(?![^>]*src=)/)
  })
})
