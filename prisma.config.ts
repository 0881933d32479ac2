import { defineConfig } from 'prisma/config'

// `generate` and `validate` need no schema engine, but Prisma's command line downloads one before every
// command unless this names a file that exists. Migrations are applied by `ipbridge migrate` instead.
const engineless = process.argv.some(word => word === 'generate' || word === 'validate')
if (engineless) process.env['PRISMA_SCHEMA_ENGINE_BINARY'] ??= process.execPath

export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  ...(process.env['DATABASE_URL'] ? { datasource: { url: process.env['DATABASE_URL'] } } : {}),
})
