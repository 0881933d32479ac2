import { memoryIpam } from '../../src/ipam/memory.ts'
import { ipamContract } from './ipam.ts'

ipamContract({
  name: 'memory',
  abilities: { reads: 'marker', pools: true, ptr: true, requestsSpecific: true },
  network: false,
  async make(pools) {
    const driver = memoryIpam({ pools })
    return {
      driver,
      hold: async address => void driver.records.set(address, { address }),
      close: async () => {},
    }
  },
})
