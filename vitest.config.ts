import { defineConfig } from 'vitest/config'

/** What all projects share. They do not extend what is below: each would set up its own PostgreSQL and Redis. */
const common = { testTimeout: 30_000, hookTimeout: 60_000, isolate: false }

/** Where the queue matters, the tests run twice: the two backends of BullMQ must be interchangeable. */
const onBoth = [
  'test/integration/*.test.ts',
  'test/integration/{queue,network,restore}/*.test.ts',
  'test/integration/api/{dashboard,events,health,serve}.test.ts',
  'test/integration/cli/signals.test.ts',
  'test/stories/**/*.test.ts',
  'test/crash/**/*.test.ts',
  'test/fuzz/queue/*.test.ts',
]

/** Doors, drivers and desks are the same whatever a worker is told by. */
const onOne = ['test/integration/*/*.test.ts']

const onQueue = (backend: 'postgres' | 'redis', include: string[]) => ({
  test: { ...common, name: `queue-${backend}`, include, env: { IPBRIDGE_TEST_QUEUE: backend } },
})

export default defineConfig({
  test: {
    globalSetup: 'test/helpers/global-setup.ts',
    fileParallelism: true,
    maxWorkers: 3,
    reporters: ['default', './test/helpers/closing-line.ts'],
    projects: [
      {
        test: {
          ...common,
          name: 'pure',
          include: [
            'test/unit/**/*.test.ts',
            'test/contract/**/*.test.ts',
            'test/pools/**/*.test.ts',
            'test/workers/**/*.test.ts',
            'test/simulation/**/*.test.ts',
            'test/fuzz/*.test.ts',
          ],
        },
      },
      onQueue('postgres', [...onBoth, ...onOne]),
      onQueue('redis', onBoth),
    ],
  },
})
