import { defineConfig } from 'vitest/config'

// What touches a queue runs twice: the two backends of BullMQ must be interchangeable.
const onQueue = (backend: 'postgres' | 'redis') => ({
  extends: true as const,
  test: {
    name: `queue-${backend}`,
    include: ['test/integration/**/*.test.ts', 'test/stories/**/*.test.ts', 'test/crash/**/*.test.ts'],
    env: { IPBRIDGE_TEST_QUEUE: backend },
  },
})

export default defineConfig({
  test: {
    globalSetup: 'test/helpers/global-setup.ts',
    testTimeout: 30_000,
    hookTimeout: 60_000,
    fileParallelism: true,
    maxWorkers: 3,
    reporters: ['default', './test/helpers/closing-line.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'pure',
          include: [
            'test/unit/**/*.test.ts',
            'test/contract/**/*.test.ts',
            'test/pools/**/*.test.ts',
            'test/workers/**/*.test.ts',
          ],
        },
      },
      onQueue('postgres'),
      onQueue('redis'),
    ],
  },
})
