// Makes the demo's events: a fortnight of a small hosting company, as its billing cores would tell it.
//
//   node scripts/make-demo-events.mjs > examples/events.ndjson
//
// The same lines every time (a test compares them), in the order in which they arrive. What the stories rely on
// (pools, servers, an address that was in use before) is set up by src/demo/stage.ts.

const beginning = Date.UTC(2025, 2, 3) // a Monday
const day = 1440 // times are in minutes from the beginning
const eu = '/billing/eu'
const us = '/billing/us'
const random = seeded(20250303)

/** What arrives when: an event, or the text of a line that is to be refused. */
const arrivals = []

const words =
  `amber anchor aspen atlas basil beacon birch breeze canyon cedar cinder clover cobalt comet copper coral
  crescent delta ember falcon fern fjord flint garnet glacier granite harbour hazel heron indigo iris ivory jasper
  juniper kestrel lagoon lantern lark linden lotus magnet maple marble meadow mesa mosaic nectar nimbus oasis ocean
  olive onyx orbit orchid otter pebble pepper pine pixel plum prairie quarry quartz quill raven reef ridge river rowan
  saffron sage sequoia sierra silver slate sparrow spruce summit sunset thicket timber topaz tulip velvet violet walnut
  willow winter`.split(/\s+/)
const domains = new Map()

plainServers()
serversWithNamesOfTheirOwn()
webHosting()
aPoolThatFillsUp()
licencesThatShareAnAddress()
messagesThatOvertookEachOther()
oddButRight()
linesToBeRefused()
toldTwice()
write()

// --- the stories ---

/** Clients who take whatever address they get. Some order more, some go, and some of those come back. */
function plainServers() {
  for (let n = 1; n <= 40; n++) {
    const id = `vps-${1000 + n}`
    const leaves = n % 4 === 1
    const begins = inOfficeHours(between(0, leaves ? 4 : 6))
    create(begins, server(id), n % 4 === 0 ? { addresses: [{ family: 'ipv4' }, { family: 'ipv6' }] } : {})
    let at = begins
    for (let extra = between(1, 2); extra > 0; extra--) {
      at += between(60, 1.5 * day)
      const order = `${id}-${extra}`
      const isIpv6 = random() < 0.3
      const wanted = isIpv6 ? { family: 'ipv6', count: 1 } : { family: 'ipv4', count: between(1, 3) }
      const ptr = random() < 0.3 ? { ptr: `mail.${domainOf(id)}` } : {}
      say(at, 'ip.ordered', { service: id, order, ...wanted, ...ptr })
      if (random() < 0.45) say(at + between(300, 1.5 * day), 'ip.cancelled', { service: id, order })
    }
    if (!leaves) continue
    const ends = inOfficeHours(between(9, 11))
    say(ends, 'service.deleted', { service: id })
    // Paid late: the service comes back while its address is still in quarantine, and gets it again.
    if (n % 8 === 1) create(ends + between(300, 2 * day), server(id))
  }
}

/** Clients who chose their addresses, and keep renaming them. */
function serversWithNamesOfTheirOwn() {
  for (let n = 1; n <= 18; n++) {
    const id = `vps-${1100 + n}`
    const begins = inOfficeHours(between(0, 5))
    const addresses = [chosen(`203.0.113.${9 + n}`)]
    if (n % 3 === 0) addresses.push(chosen(`2001:db8:200::${n}`))
    create(begins, server(id), { addresses })
    let at = begins
    for (const { requested } of addresses) {
      for (let changes = between(2, 4); changes > 0; changes--) {
        at += between(30, 0.8 * day)
        const host = pick(['mail', 'www', 'shop', 'mx1', 'ns1', 'vpn'])
        rename(at, id, requested, random() < 0.12 ? null : `${host}.${domainOf(id)}`)
      }
    }
    if (n % 4 === 0) {
      const extra = `203.0.113.${100 + n}`
      say(begins + 2 * day, 'ip.ordered', { service: id, order: `${id}-mx`, ...chosen(extra) })
      rename(begins + 3 * day, id, extra, `mx2.${domainOf(id)}`)
      // By its address, as a client who reads it off a list would say it.
      if (n % 8 === 0) say(begins + 5 * day, 'ip.cancelled', { service: id, address: extra })
    }
    if (n % 6 === 5) say(inOfficeHours(12), 'service.deleted', { service: id })
    if (n === 11) create(inOfficeHours(13), server(id), { addresses })
  }
}

/** The other billing core, which numbers nothing: there the time alone says what came first. */
function webHosting() {
  for (let n = 1; n <= 10; n++) {
    const id = `web-${3000 + n}`
    const begins = inOfficeHours(between(0, 6))
    create(begins, website(id), { source: us })
    const order = `tls-${n}`
    if (n % 2 === 0) {
      const wanted = { family: 'ipv4', count: 1, ptr: `secure.${domainOf(id)}` }
      say(begins + between(500, 4 * day), 'ip.ordered', { service: id, order, ...wanted }, { source: us })
    }
    if (n % 4 === 0) say(begins + 5 * day, 'ip.cancelled', { service: id, order }, { source: us })
    if (n % 5 === 0) say(inOfficeHours(13), 'service.deleted', { service: id }, { source: us })
  }
}

/** Five addresses for dedicated servers, and seven wanted: two have to wait until others are given back. */
function aPoolThatFillsUp() {
  const wanted = { family: 'ipv4', pool: 'dedicated-eu' }
  for (let n = 1; n <= 4; n++) {
    const dedicated = { ...server(`ded-${2000 + n}`), kind: 'dedicated', server: 'rack1' }
    create(inOfficeHours(n), dedicated, { addresses: [wanted] })
  }
  const firewall = (service, count) => ({ service, order: `${service}-fw`, count, ...wanted })
  say(inOfficeHours(5), 'ip.ordered', firewall('ded-2001', 1))
  say(inOfficeHours(6), 'ip.ordered', firewall('ded-2002', 2))
  say(inOfficeHours(8), 'service.deleted', { service: 'ded-2003' })
  say(inOfficeHours(10), 'ip.cancelled', { service: 'ded-2001', order: 'ded-2001-fw' })
}

/** Licences run on an address that a server has; many may name the same one. */
function licencesThatShareAnAddress() {
  for (const [index, host] of [10, 10, 11, 13].entries()) {
    const licence = { ...server(`lic-${4001 + index}`), kind: 'license' }
    create(inOfficeHours(8 + (index % 3)), licence, { addresses: [chosen(`203.0.113.${host}`)] })
  }
  say(inOfficeHours(12), 'service.deleted', { service: 'lic-4002' })
}

/** What counts is when things happened, not when they arrived. */
function messagesThatOvertookEachOther() {
  // A creation that comes after the deletion allocates nothing.
  const brief = inOfficeHours(2)
  create(brief, server('vps-1201'), { arrives: brief + 2 * day })
  say(brief + 600, 'service.deleted', { service: 'vps-1201' })
  // An order that comes before its service waits for it.
  const eager = inOfficeHours(3)
  create(eager, server('vps-1202'), { arrives: eager + 40 })
  say(eager + 10, 'ip.ordered', { service: 'vps-1202', order: 'o-1', family: 'ipv4', count: 2 })
  // A cancellation that comes before its order.
  const regret = inOfficeHours(6)
  create(inOfficeHours(1), server('vps-1203'))
  const order = { service: 'vps-1203', order: 'o-1' }
  say(regret, 'ip.ordered', { ...order, family: 'ipv6' }, { arrives: regret + 200 })
  say(regret + 5, 'ip.cancelled', order)
  // Two new names the wrong way round; and two of the same moment, of which the sequence says which is the later.
  const named = (at, host, more) =>
    rename(at, 'vps-1204', '203.0.113.60', `${host}.${domainOf('vps-1204')}`, more)
  const change = inOfficeHours(7)
  create(inOfficeHours(4), server('vps-1204'), { addresses: [chosen('203.0.113.60')] })
  named(change, 'old', { arrives: change + 120 })
  named(change + 60, 'new')
  named(change + 2 * day, 'first', { arrives: change + 2 * day + 1 })
  named(change + 2 * day, 'second')
  // A new name that comes before the service which has the address.
  const early = inOfficeHours(5)
  create(early, server('vps-1205'), { arrives: early + 90, addresses: [chosen('203.0.113.61')] })
  rename(early + 15, 'vps-1205', '203.0.113.61', `mx.${domainOf('vps-1205')}`)
  // An order that comes before the licence that it belongs to.
  const bought = inOfficeHours(10)
  const licence = { ...server('lic-4005'), kind: 'license' }
  create(bought, licence, { arrives: bought + 30, addresses: [chosen('203.0.113.15')] })
  say(bought + 5, 'ip.ordered', { service: 'lic-4005', order: 'second', ...chosen('203.0.113.16') })
}

/** What looks wrong at first and is not, and what goes wrong only later. */
function oddButRight() {
  // A set-up that failed is tried again with a new message: the service keeps the address that it has.
  for (const [id, begins] of [
    ['vps-1301', inOfficeHours(2)],
    ['vps-1302', inOfficeHours(4)],
  ]) {
    create(begins, server(id))
    create(begins + 45, server(id))
  }
  // Letters of other alphabets, capitals, a dot at the end.
  create(inOfficeHours(3), { ...server('vps-1303'), domain: 'bücher.example' })
  create(inOfficeHours(3), { ...server('vps-1304'), domain: 'WWW.Zephyr-Sails.Example.' })
  // Without a time: it happened when it arrived.
  create(inOfficeHours(6), website('web-3011'), { source: us, undated: true })
  // Nobody can have the gateway of a pool: that is found out by the IPAM, not at the door.
  create(inOfficeHours(5), server('vps-1305'))
  say(inOfficeHours(7), 'ip.ordered', { service: 'vps-1305', order: 'lucky', ...chosen('203.0.113.1') })
}

/** Each is refused with its reason, and nothing of it is stored. */
function linesToBeRefused() {
  const service = { ...server('vps-1401'), domain: 'never.example' }
  const ptr = { address: '203.0.113.10', ptr: 'mail.never.example', service: 'vps-1101' }
  const order = { service: 'vps-1002', order: 'bad' }
  const created = (data, attributes) => ['service.created', { service, ...data }, attributes]
  const refused = [
    ['service.renamed', { service: 'vps-1002', domain: 'never.example' }],
    created({ service: { ...service, id: undefined } }),
    created({ service: { ...service, server: 'node9' } }),
    created({ service: { ...service, domain: 'mail_server.never.example' } }),
    created({ service: { ...service, domain: 'localhost' } }),
    created({ addresses: [{ familly: 'ipv4' }] }),
    created({ addresses: [{ family: 'ipv4', requested: '2001:db8:200::99' }] }),
    created({}, { time: '2025-03-12' }),
    created({}, { time: '2099-01-01T00:00:00Z' }),
    created({}, { specversion: '0.3' }),
    ['ip.ordered', { ...order, family: 'ipv4', count: 0 }],
    ['ip.cancelled', { ...order, address: '198.51.100.9' }],
    ['ptr.changed', { ...ptr, address: '203.0.113.256' }],
    ['ptr.changed', { ...ptr, address: '203.0.113.010' }],
    ['ptr.changed', { ...ptr, address: '203.0.113.10/24' }],
    ['ptr.changed', { ...ptr, ptr: '-mail.never.example' }],
    ['service.deleted', {}],
  ]
  for (const [index, [type, data, attributes]] of refused.entries()) {
    const at = inOfficeHours(index % 14)
    const envelope = { specversion: '1.0', id: `eu-bad-${index + 1}`, source: eu, type, time: timeOf(at) }
    arrivals.push({ at, text: JSON.stringify({ ...envelope, ...attributes, data }) })
  }
  arrivals.push({ at: inOfficeHours(4), text: '{"specversion":"1.0","id":"eu-cut-off","source":"/billing/e' })
  arrivals.push({ at: inOfficeHours(11), text: '"service.created vps-1401"' })
  // An id that is known, with another body: a mistake of the billing core.
  const { event } = arrivals.find(({ event }) => event?.data.service?.id === 'vps-1002')
  const other = { service: { ...event.data.service, domain: 'somebody-else.example' } }
  arrivals.push({ at: inOfficeHours(9), event, data: other })
}

/** The very same lines again, soon after or days later. */
function toldTwice() {
  const early = arrivals.filter(({ at, event, data }) => event && !data && at < 11 * day)
  for (let n = 0; n < 20; n++) {
    const { at, event } = pick(early)
    arrivals.push({ at: at + (n % 3 === 0 ? between(day, 2 * day) : between(1, 30)), event })
  }
}

// --- the means ---

/** An event that happens `at` a time, and arrives then unless it says otherwise. */
function say(at, type, data, { source = eu, arrives = at, undated = false } = {}) {
  arrivals.push({ at: arrives, event: { at, source, type, data, undated } })
}

function create(at, service, { addresses, ...more } = {}) {
  say(at, 'service.created', { service, ...(addresses ? { addresses } : {}) }, more)
}

function rename(at, service, address, ptr, more) {
  say(at, 'ptr.changed', { address, ptr, service }, more)
}

function server(id) {
  const client = `c-${200 + (Number(id.slice(4)) % 37)}`
  return { id, kind: 'vps', client, domain: domainOf(id), server: `node${1 + (Number(id.slice(4)) % 3)}` }
}

function website(id) {
  return { ...server(id), kind: 'hosting', server: 'web1' }
}

function domainOf(id) {
  if (!domains.has(id)) domains.set(id, nameFor(domains.size))
  return domains.get(id)
}

function nameFor(n) {
  const suffix = n < words.length ? '' : `-${words[(n * 7) % words.length]}`
  return `${words[n % words.length]}${suffix}.example`
}

/** A certain address of the pools that are kept for those who choose. */
function chosen(requested) {
  return requested.includes(':')
    ? { family: 'ipv6', requested, pool: 'chosen-v6' }
    : { family: 'ipv4', requested, pool: 'chosen-eu' }
}

function inOfficeHours(dayNumber) {
  return dayNumber * day + between(8 * 60, 18 * 60)
}

function between(least, most) {
  return Math.floor(least + random() * (most - least + 1))
}

function pick(list) {
  return list[Math.floor(random() * list.length)]
}

/** Numbers from 0 up to 1, the same ones for the same seed (mulberry32). */
function seeded(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

function timeOf(at) {
  return new Date(beginning + at * 60_000).toISOString().replace('.000', '')
}

/** Numbers the events as they happened, and writes them as they arrived. */
function write() {
  const events = [...new Set(arrivals.flatMap(({ event }) => event ?? []))].sort((a, b) => a.at - b.at)
  const envelopes = new Map(events.map((event, index) => [event, envelopeOf(event, index + 1)]))
  for (const { text, event, data } of arrivals.sort((a, b) => a.at - b.at)) {
    const line = text ?? JSON.stringify({ ...envelopes.get(event), data: data ?? event.data })
    process.stdout.write(`${line}\n`)
  }
}

function envelopeOf({ at, source, type, undated }, number) {
  const numbered = source === eu ? { id: `eu-${number}`, sequence: `${number}` } : { id: `us-${number}` }
  const time = undated ? {} : { time: timeOf(at) }
  return { specversion: '1.0', source, type, ...numbered, ...time }
}
