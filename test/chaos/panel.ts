import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { startIpmanager } from '../../src/simulators/ipmanager/start.ts'
import { readStateFile } from '../../src/simulators/ipmanager/state-file.ts'

/**
 * The simulated IPmanager as a process of its own. Unlike `ipbridge simulate` it writes its books when it is told to
 * end, and only then: with a history of many thousand entries it would do nothing else.
 */
const { values } = parseArgs({
  options: { port: { type: 'string' }, file: { type: 'string' }, seed: { type: 'string' } },
})
const file = values.file ?? ''

const panel = await startIpmanager({
  port: Number(values.port),
  seed: Number(values.seed),
  state: await readStateFile(file),
})

process.once('SIGTERM', async () => {
  await panel.stop()
  await writeFile(file, JSON.stringify(panel.state()))
  process.exit(0)
})
