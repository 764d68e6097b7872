// The commands of people: users, invitations, API tokens, own password, audit log; their options and texts.

import type { Command } from 'commander';
import { type AuditOptions, audit } from './cloud/audit.ts';
import type { CloudClient } from './cloud/cloud-client.ts';
import {
  changePassword,
  changeUser,
  createToken,
  deleteToken,
  deleteUser,
  inviteUser,
  type JsonOption,
  join,
  listInvitations,
  listTokens,
  listUsers,
  resetPassword,
  type ScopeOptions,
  scopeOf,
  userSessions,
  withdrawInvitation,
} from './cloud/people.ts';
import { oneOf, timeOption, wholeNumber } from './option-values.ts';
import type { Shell } from './shell.ts';

const ROLES = ['viewer', 'operator', 'deployer', 'admin'];
const OUTCOMES = ['done', 'refused', 'failed'];
const INVITATION_HOURS_DEFAULT = 72;
const INVITATION_HOURS_MAX = 720;
const TOKEN_DAYS_DEFAULT = 90;
const TOKEN_DAYS_MAX = 365;
const AUDIT_LIMIT_DEFAULT = 100;

type Connect = () => Promise<CloudClient>;

export function addPeopleCommands(program: Command, shell: Shell, connect: Connect): void {
  const user = program.command('user').description('users of the cloud').helpOption('--help', 'print this help');
  addUserCommands(user, shell, connect);
  addInvitationCommands(user, shell, connect);
  addOwnCommands(program, shell, connect);
  addTokenCommands(program, shell, connect);
  addAuditCommand(program, shell, connect);
}

function withScope(command: Command): Command {
  const collect = (text: string, before: string[] = []): string[] => [...before, text];
  return command
    .option('--all-nodes', 'for all nodes')
    .option('--prefix <prefix>', 'for nodes whose names begin with it; once for each', collect)
    .option('--node <name>', 'for this node; once for each', collect)
    .option('--tag <name=value>', 'for nodes whose twin has this tag; once for each, all must fit', collect);
}

function withRole(command: Command): Command {
  return command.requiredOption('--role <role>', ROLES.join(', '), oneOf('role', ROLES));
}

function addUserCommands(user: Command, { io }: Shell, connect: Connect): void {
  user
    .command('list')
    .description('list the users')
    .option('--json', 'as JSON')
    .action(async (o: JsonOption) => listUsers(io, await connect(), o));
  withScope(
    user
      .command('set <user>')
      .description('change role and nodes of a user')
      .option('--role <role>', ROLES.join(', '), oneOf('role', ROLES)),
  ).action(async (name: string, o: ScopeOptions & { role?: string }) => {
    const scope = scopeOf(o);
    const change = { ...(o.role === undefined ? {} : { role: o.role }), ...(scope === undefined ? {} : { scope }) };
    await changeUser(io, await connect(), name, change);
  });
  for (const [verb, isDisabled] of [
    ['disable', true],
    ['enable', false],
  ] as const) {
    user
      .command(`${verb} <user>`)
      .description(isDisabled ? 'let a user in no more; ends all sessions' : 'let a user in again')
      .action(async (name: string) => changeUser(io, await connect(), name, { isDisabled }));
  }
  user
    .command('delete <user>')
    .description('delete a user with sessions and tokens')
    .action(async (name: string) => deleteUser(io, await connect(), name));
  user
    .command('sessions <user>')
    .description('list the open sessions of a user, or end them')
    .option('--end', 'end them all')
    .option('--json', 'as JSON')
    .action(async (name: string, o: JsonOption & { end?: boolean }) => userSessions(io, await connect(), name, o));
}

function addInvitationCommands(user: Command, { io }: Shell, connect: Connect): void {
  withScope(withRole(user.command('invite [user]').description('print a link that makes a user, once')))
    .option(
      '--expires-hours <hours>',
      'how long the link works (default: 72)',
      wholeNumber(1, INVITATION_HOURS_MAX),
      INVITATION_HOURS_DEFAULT,
    )
    .option('--json', 'as JSON')
    .action(async (name: string | undefined, o: ScopeOptions & JsonOption & { role: string; expiresHours: number }) =>
      inviteUser(io, await connect(), name, o),
    );
  user
    .command('reset-password <user>')
    .description('print a link that sets a new password, once')
    .action(async (name: string) => resetPassword(io, await connect(), name));
  user
    .command('invitations')
    .description('list the invitations of the last 30 days')
    .option('--json', 'as JSON')
    .action(async (o: JsonOption) => listInvitations(io, await connect(), o));
  user
    .command('withdraw <id>')
    .description('withdraw an invitation')
    .action(async (id: string) => withdrawInvitation(io, await connect(), id));
}

function addOwnCommands(program: Command, { io }: Shell, connect: Connect): void {
  program
    .command('join <link>')
    .description('use an invitation: choose a password')
    .option('--user <name>', 'user name, where the invitation leaves it open')
    .option('--password-file <file>', 'file whose first line is the password (default: asked for)')
    .option('--ca <file>', "PEM of the cloud's CA (default: the CAs of this machine)")
    .option('--pin <sha256//...>', 'public key of the server, instead of --ca')
    .action(async (link: string, o: { user?: string; passwordFile?: string; ca?: string; pin?: string }) =>
      join(io, link, o),
    );
  program
    .command('password')
    .description('change the own password; ends the other sessions')
    .option('--password-file <file>', 'file whose first line is the password of now (default: asked for)')
    .requiredOption('--new-password-file <file>', 'file whose first line is the new one')
    .action(async (o: { passwordFile?: string; newPasswordFile: string }) => changePassword(io, await connect(), o));
}

function addTokenCommands(program: Command, { io }: Shell, connect: Connect): void {
  const token = program
    .command('token')
    .description('own API tokens, for programs')
    .helpOption('--help', 'print this help');
  token
    .command('list')
    .description('list the own API tokens')
    .option('--json', 'as JSON')
    .action(async (o: JsonOption) => listTokens(io, await connect(), o));
  withScope(withRole(token.command('create <name>').description('make an API token and print it, this once')))
    .option('--days <days>', 'how long it works (default: 90)', wholeNumber(1, TOKEN_DAYS_MAX), TOKEN_DAYS_DEFAULT)
    .action(async (name: string, o: ScopeOptions & { role: string; days: number }) =>
      createToken(io, await connect(), name, o),
    );
  token
    .command('delete <id>')
    .description('delete an own API token')
    .action(async (id: string) => deleteToken(io, await connect(), id));
}

function addAuditCommand(program: Command, { io }: Shell, connect: Connect): void {
  program
    .command('audit')
    .description('print who changed what at the cloud')
    .option('--actor <name>', 'user, policy:NAME or identity:DEVICE')
    .option('--action <name>', 'e.g. patchNodesName, hub.writeTwin, login')
    .option('--object <path>', 'and what lies below, e.g. nodes/edge1')
    .option('--outcome <outcome>', OUTCOMES.join(', '), oneOf('outcome', OUTCOMES))
    .option('--since <time>', 'from then on: RFC 3339, UNIX seconds or a duration', timeOption(io))
    .option('--until <time>', 'up to then', timeOption(io))
    .option('--limit <count>', 'at most so many, the newest (default: 100)', wholeNumber(1), AUDIT_LIMIT_DEFAULT)
    .option('--json', 'a line of JSON each')
    .action(async (o: AuditOptions) => audit(io, await connect(), o));
}
