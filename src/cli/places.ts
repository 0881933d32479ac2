import type { Command } from 'commander'
import {
  connectionChange,
  connectionInput,
  poolChange,
  poolInput,
  serverChange,
  serverInput,
} from '../desk/schemas.ts'
import { createGroup } from './group.ts'

/** How long "test connection" and "test server" may take. */
const testMs = 30_000

const changing = 'change the fields that are given; all others stay as they are'

/** `connection`, `server` and `pool`: where addresses come from and where they go. */
export function addPlaceCommands(program: Command): void {
  addConnections(program)
  addServers(program)
  addPools(program)
}

function addConnections(program: Command): void {
  const group = createGroup(program, 'connection', 'IPAMs that may be asked for addresses')
  group.list('list connections by name', {}, ({ app }, query) => app.desk.connections.list(query), {
    NAME: item => item.name,
    DRIVER: item => item.driver,
    URL: item => item.url,
    LOGIN: item => item.login,
    'ADDRESS SPACE': item => item.addressSpace,
    PROBLEM: item => item.problem?.code ?? (item.warnings.length > 0 ? 'not verified' : ''),
  })
  group.show('name', 'show a connection, without its secrets', ({ app }, name) =>
    app.desk.connections.show(name),
  )
  group.add('add a connection', connectionInput, ({ app, actor, reason }, input) =>
    app.desk.connections.add(actor, input, reason),
  )
  group.change('change', 'name', changing, connectionChange, ({ app, actor, reason }, name, input) =>
    app.desk.connections.change(actor, name, input, reason),
  )
  group.act(
    'remove',
    'name',
    'remove connections that nothing depends on',
    'is removed',
    ({ app, actor, reason }, name) => app.desk.connections.remove(actor, name, reason),
  )
  group.test('say what works with a connection, and what does not', ({ app, signal }, name) =>
    app.desk.connections.test(name, AbortSignal.any([signal, AbortSignal.timeout(testMs)])),
  )
}

function addServers(program: Command): void {
  const group = createGroup(program, 'server', 'control panels and nodes that run services')
  group.list('list servers by name', {}, ({ app }, query) => app.desk.servers.list(query), {
    NAME: item => item.name,
    PANEL: item => item.panel,
    URL: item => item.url,
    CONNECTION: item => item.connection,
  })
  group.show('name', 'show a server, without its secrets', ({ app }, name) => app.desk.servers.show(name))
  group.add('add a server', serverInput, ({ app, actor, reason }, input) =>
    app.desk.servers.add(actor, input, reason),
  )
  group.change('change', 'name', changing, serverChange, ({ app, actor, reason }, name, input) =>
    app.desk.servers.change(actor, name, input, reason),
  )
  group.act(
    'remove',
    'name',
    'remove servers that no service names',
    'is removed',
    ({ app, actor, reason }, name) => app.desk.servers.remove(actor, name, reason),
  )
  group.test('say what works with a server, and what does not', ({ app, signal }, name) =>
    app.desk.servers.test(name, AbortSignal.any([signal, AbortSignal.timeout(testMs)])),
  )
}

function addPools(program: Command): void {
  const group = createGroup(program, 'pool', 'addresses that the built-in IPAM hands out')
  group.list(
    'list pools by name, with how full they are',
    {},
    ({ app }, query) => app.desk.pools.list(query),
    {
      NAME: item => item.name,
      CIDR: item => item.cidr,
      FREE: item => item.free,
      USED: item => item.used,
      QUARANTINED: item => item.quarantined,
      PRIORITY: item => item.priority,
      CONNECTION: item => item.connection,
      LOW: item => (item.low ? 'low' : ''),
    },
  )
  group.show('name', 'show a pool', ({ app }, name) => app.desk.pools.show(name))
  group.add(
    'add a pool; operations that wait for its addresses go on',
    poolInput,
    ({ app, actor, reason }, input) => app.desk.pools.add(actor, input, reason),
  )
  group.change('change', 'name', changing, poolChange, ({ app, actor, reason }, name, input) =>
    app.desk.pools.change(actor, name, input, reason),
  )
  group.act(
    'remove',
    'name',
    'remove pools of which no address is in use',
    'is removed',
    ({ app, actor, reason }, name) => app.desk.pools.remove(actor, name, reason),
  )
}
