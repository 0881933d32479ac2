import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'

// Bad input at every door (test/fuzz), as much of it as is asked for: npm run fuzz -- --inputs 100000 --seed 7

const options = {
  inputs: { type: 'string', default: '100000' },
  seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  path: { type: 'string', default: '' },
  door: { type: 'string', default: '' },
}
const { inputs, seed, path, door } = parseArgs({ options }).values
if (![inputs, seed].every(text => /^[1-9]\d{0,8}$/.test(text))) {
  console.error('npm run fuzz -- [--inputs N] [--seed S] [--door TITLE] [--path P, as a failure tells it]')
  process.exit(2)
}
console.log(`${inputs} inputs, seed ${seed}`)
const projects = ['pure', 'queue-postgres', 'queue-redis'].flatMap(name => ['--project', name])
const { status } = spawnSync(
  'npx',
  ['vitest', 'run', ...projects, 'test/fuzz', ...(door === '' ? [] : ['-t', door])],
  {
    stdio: 'inherit',
    env: { ...process.env, FUZZ_INPUTS: inputs, FUZZ_SEED: seed, FUZZ_PATH: path },
  },
)
process.exit(status ?? 1)
