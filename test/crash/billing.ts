import { startBillmanager } from '../../src/simulators/billmanager/start.ts'
import type { Memory } from '../../src/simulators/remember.ts'
import { startReceiver } from '../helpers/receiver.ts'

export type Billing = Awaited<ReturnType<typeof startBilling>>

/** Whom ipbridge tells of what it did: somebody who hears webhooks, and a BILLmanager that is written into. */
export async function startBilling() {
  const receiver = await startReceiver()
  const billmanager = await startBillmanager()

  /** At least once, so a repetition says nothing new; and in order for each service, but not among services. */
  function heard(): string[] {
    const once = new Map(receiver.received.map(({ event }) => [event.id, event]))
    return [...once.values()]
      .map(({ subject, type, data }) => `${subject} ${type} ${JSON.stringify(data)}`)
      .map((text, index) => ({ text, index, subject: text.split(' ', 1)[0] ?? '' }))
      .sort((a, b) => a.subject.localeCompare(b.subject) || a.index - b.index)
      .map(({ text }) => text)
  }

  return {
    url: receiver.url,
    billmanager,

    remember(): Memory {
      const received = [...receiver.received]
      const panel = billmanager.remember()
      return {
        all: [heard(), panel.all],
        recall() {
          receiver.received.splice(0, receiver.received.length, ...received)
          panel.recall()
        },
      }
    },

    async stop(): Promise<void> {
      await Promise.all([receiver.stop(), billmanager.stop()])
    },
  }
}
