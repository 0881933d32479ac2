import type { Command } from 'commander'
import { auditFilters } from '../desk/filters.ts'
import { tokenInput } from '../desk/schemas.ts'
import { createGroup } from './group.ts'

/** `token` and `audit`: who may do something, and who did. */
export function addPeopleCommands(program: Command): void {
  const tokens = createGroup(program, 'token', 'bearer tokens of the API')
  tokens.list('list tokens, newest first', {}, ({ app }, query) => app.desk.tokens.list(query), {
    ID: item => item.id,
    NAME: item => item.name,
    ROLE: item => item.role,
    CLIENT: item => item.client,
    CREATED: item => item.createdAt,
    'LAST USED': item => item.lastUsedAt,
    EXPIRES: item => item.expiresAt,
    REVOKED: item => item.revokedAt,
  })
  tokens.show('id', 'show a token, without its secret', ({ app }, id) => app.desk.tokens.show(id))
  tokens
    .add('make a token; it is shown this once', tokenInput, ({ app, actor, reason }, input) =>
      app.desk.tokens.add(actor, input, reason),
    )
    .addHelpText('after', '\nExample: ipbridge token add --role billing --name billmanager --json')
  tokens.act(
    'remove',
    'id',
    'revoke tokens, and end their sessions',
    'is revoked',
    ({ app, actor, reason }, id) => app.desk.tokens.remove(actor, id, reason),
  )

  const audit = createGroup(program, 'audit', 'who changed what, when and why')
  audit.list('list changes, newest first', auditFilters, ({ app }, query) => app.desk.journals.audit(query), {
    AT: item => item.at,
    ACTOR: item => item.actor,
    ROLE: item => item.role,
    ACTION: item => item.action,
    SUBJECT: item => item.subject,
    REASON: item => item.reason,
    CHANGE: item => item.change,
  })
}
