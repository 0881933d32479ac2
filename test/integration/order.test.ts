import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { takeSnapshot } from '../../src/db/snapshot.ts'
import { playLine, readScript } from '../../src/demo/play.ts'
import { setStage } from '../../src/demo/stage.ts'
import { checkInvariants } from '../../src/domain/invariants.ts'
import { packageRoot } from '../../src/package-root.ts'
import { queueMissing, startTestApp, type TestApp } from '../helpers/app.ts'
import { until } from '../helpers/until.ts'

type ScriptLine = Parameters<typeof playLine>[1]

/** Shuffles the same way every time. */
function shuffled(lines: ScriptLine[], seed: number): ScriptLine[] {
  let state = seed
  const next = () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return state / 2_147_483_648
  }
  return lines
    .map(line => ({ line, at: next() }))
    .sort((a, b) => a.at - b.at)
    .map(({ line }) => line)
}

/** What every service ends with: which slots, under which names; which address only where it was asked for. */
async function ledger(app: TestApp): Promise<string[]> {
  const rows = await app.db.$queryRaw<{ line: string }[]>`
    select concat_ws(' ', s.id, s.state, s.kind, s.domain, v.name, a.slot, a.family, a.state,
      'name', coalesce(a.ptr_wish, 'domain'), 'asked', host(a.requested)) as line
    from service s left join server v on v.id = s.server_id
    left join assignment a on a.service_id = s.id and a.state in ('pending', 'reserved', 'active')
    order by 1`
  return rows.map(row => row.line)
}

async function play(lines: ScriptLine[]): Promise<string[]> {
  const app = await startTestApp({ work: { concurrency: 20 } })
  try {
    await setStage(app.desk)
    for (let start = 0; start < lines.length; start += 25) {
      await Promise.all(lines.slice(start, start + 25).map(line => playLine(app.intake, line)))
    }
    await until(
      'all has come to rest',
      async () =>
        (await app.db.operation.count({ where: { state: { in: ['queued', 'running', 'parked'] } } })) === 0,
      180_000,
    )
    const found = checkInvariants(await takeSnapshot(app.db, app.ipams.driver), { quiet: true })
    expect(found).toEqual([])
    return await ledger(app)
  } finally {
    await app.shutDown()
  }
}

describe.skipIf(queueMissing)('Every event of the demo, told three times in random order,', () => {
  it('gives the same ledger as told once in order', async () => {
    const text = await readFile(join(packageRoot, 'examples', 'events.ndjson'), 'utf8')
    // What came without a time happened when it arrived: there the order of delivery does decide. Of two bodies
    // under one id the first is the event: the second one cannot be told from it in another order.
    const lines = [...readScript(text, new Date()).values()]
      .flat()
      .filter(line => line.text.includes('"time"') && !line.text.includes('somebody-else.example'))
    const inOrder = await play(lines)
    expect(await play(shuffled([...lines, ...lines, ...lines], 1))).toEqual(inOrder)
  }, 400_000)
})
