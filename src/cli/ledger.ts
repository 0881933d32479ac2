import type { Command } from 'commander'
import { addressFilters, conflictFilters, operationFilters, serviceFilters } from '../desk/filters.ts'
import { conflictResolution, serviceInput } from '../desk/schemas.ts'
import { check } from './fields.ts'
import { createGroup } from './group.ts'

/** `service`, `address`, `operation` and `conflict`: who has what, and what is being done about it. */
export function addLedgerCommands(program: Command): void {
  addServices(program)
  addAddresses(program)
  addOperations(program)
  addConflicts(program)
}

function addServices(program: Command): void {
  const group = createGroup(program, 'service', 'what billing sells, and the addresses that it has')
  group.list(
    'list services by id',
    serviceFilters,
    ({ app, actor }, query) => app.desk.services.list(actor, query),
    {
      ID: item => item.id,
      STATE: item => item.state,
      KIND: item => item.kind,
      CLIENT: item => item.client,
      DOMAIN: item => item.domain,
      SERVER: item => item.server,
      ADDRESSES: item => item.addresses.map(({ address }) => address),
    },
  )
  group.show('id', 'show a service with its addresses and its latest operations', ({ app, actor }, id) =>
    app.desk.services.show(actor, id),
  )
  group.add(
    'enter a service that exists already, with the addresses that it has',
    serviceInput,
    ({ app, actor, reason }, input) => app.desk.services.add(actor, input, reason),
  )
}

function addAddresses(program: Command): void {
  const group = createGroup(program, 'address', 'who has an address, and who ever had it')
  group.list(
    'list assignments that have an address, newest first',
    addressFilters,
    ({ app, actor }, query) => app.desk.addresses.list(actor, query),
    {
      ADDRESS: item => item.address,
      SERVICE: item => item.service,
      SLOT: item => item.slot,
      STATE: item => item.state,
      PTR: item => item.ptr,
      SERVER: item => item.server,
      CONNECTION: item => item.connection,
      CONFIRMATION: item => item.confirmation,
    },
  )
  group.act(
    'confirm',
    'ip',
    'say that addresses are configured on their servers, which have no panel',
    'is confirmed',
    ({ app, actor, reason }, ip) => app.desk.addresses.confirm(actor, ip, reason),
  )
  group.show('ip', 'show an address with its whole history', ({ app, actor }, ip) =>
    app.desk.addresses.history(actor, ip),
  )
}

function addOperations(program: Command): void {
  const group = createGroup(program, 'operation', 'units of work: what is done, waits or failed')
  group.list(
    'list operations, newest first',
    operationFilters,
    ({ app }, query) => app.desk.operations.list(query),
    {
      ID: item => item.id,
      KIND: item => item.kind,
      STATE: item => item.state,
      SERVICE: item => item.service,
      ADDRESS: item => item.address,
      ATTEMPTS: item => item.attempts,
      CREATED: item => item.createdAt,
      ERROR: item => item.error && `${item.error.code}: ${item.error.message}`,
    },
  )
  group.show('id', 'show an operation with its steps', ({ app }, id) => app.desk.operations.show(id))
  group.act(
    'retry',
    'id',
    'run failed or waiting operations again, from where they stopped',
    'is queued',
    ({ app, actor, reason }, id) => app.desk.operations.retry(actor, id, reason),
  )
  group.act(
    'cancel',
    'id',
    'end operations that shall not be done any more; an address that is not in use yet is given back',
    'is cancelled',
    ({ app, actor, reason }, id) => app.desk.operations.cancel(actor, id, reason),
  )
}

function addConflicts(program: Command): void {
  const group = createGroup(
    program,
    'conflict',
    'addresses that an IPAM granted although another service has them',
  )
  group.list(
    'list conflicts, newest first',
    conflictFilters,
    ({ app }, query) => app.desk.conflicts.list(query),
    {
      ID: item => item.id,
      ADDRESS: item => item.address,
      STATE: item => item.state,
      HOLDER: item => item.holder,
      CLAIMANT: item => item.claimant,
      CREATED: item => item.createdAt,
      RESOLVED: item => item.resolvedAt,
      RESOLUTION: item => item.resolution,
    },
  )
  group.show('id', 'show a conflict with both services', ({ app }, id) => app.desk.conflicts.show(id))
  group.change(
    'resolve',
    'id',
    'decide whose address it is; operations carry it out',
    conflictResolution.omit({ reason: true }),
    ({ app, actor, reason }, id, input) => {
      const decision = check(conflictResolution, { ...input, reason })
      return app.desk.conflicts.resolve(actor, id, decision)
    },
  )
}
