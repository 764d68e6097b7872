// `user`, `token`, `join`, `password`: who may do what at the cloud.

import type { Io } from '../io.ts';
import { badOption } from '../option-values.ts';
import { alignedTable } from '../table/aligned-table.ts';
import { jsonText, plainLines } from '../terminal-text.ts';
import { CloudClient } from './cloud-client.ts';
import { readCa, readPassword } from './login.ts';

interface Selection {
  prefixes?: string[];
  names?: string[];
  tags?: { [path: string]: string };
}
type Scope = 'all' | Selection;

interface User {
  username: string;
  role: string;
  scope: Scope;
  isDisabled: boolean;
  invitedBy: string;
  createdAtUtc: string;
}

interface Invitation {
  id: string;
  username: string | null;
  isReset: boolean;
  role: string;
  scope: Scope;
  invitedBy: string;
  expiresAtUtc: string;
  usedAtUtc: string | null;
}

interface Session {
  id: string;
  address: string;
  agent: string;
  createdAtUtc: string;
  lastUsedAtUtc: string;
  current: boolean;
}

interface Token {
  id: string;
  name: string;
  role: string;
  scope: Scope;
  expiresAtUtc: string;
  lastUsedAtUtc: string | null;
  lastAddress: string;
}

/** `--all-nodes`, `--prefix`, `--node`, `--tag`. */
export interface ScopeOptions {
  allNodes?: boolean;
  prefix?: string[];
  node?: string[];
  tag?: string[];
}

export interface JsonOption {
  json?: boolean;
}

/** undefined: no option says anything about it. */
export function scopeOf(o: ScopeOptions): Scope | undefined {
  const selection: Selection = {
    ...(o.prefix ? { prefixes: o.prefix } : {}),
    ...(o.node ? { names: o.node } : {}),
    ...(o.tag ? { tags: Object.fromEntries(o.tag.map(parseTag)) } : {}),
  };
  const isSelected = Object.keys(selection).length > 0;
  if (o.allNodes && isSelected) throw badOption('all-nodes', 'with prefix, node or tag', 'one of them');
  return o.allNodes ? 'all' : isSelected ? selection : undefined;
}

function parseTag(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at < 1 || at === text.length - 1) throw badOption('tag', text, 'NAME=VALUE');
  return [text.slice(0, at), text.slice(at + 1)];
}

function scopeText(scope: Scope): string {
  if (scope === 'all') return 'all nodes';
  const prefixes = (scope.prefixes ?? []).map((prefix) => `${prefix}*`);
  const tags = Object.entries(scope.tags ?? {}).map(([path, value]) => `${path}=${value}`);
  return [...prefixes, ...(scope.names ?? []), ...(tags.length > 0 ? [tags.join('+')] : [])].join(',') || '-';
}

export async function listUsers(io: Io, client: CloudClient, o: JsonOption): Promise<void> {
  const { users } = await client.read<{ users: User[] }>('list the users', 'users');
  if (o.json) return print(io, users);
  const rows = users.map((user) => [
    ...[user.username, user.role, scopeText(user.scope), user.isDisabled ? 'disabled' : 'enabled'],
    ...[user.invitedBy || '-', user.createdAtUtc],
  ]);
  io.stdout.write(alignedTable([['USER', 'ROLE', 'SCOPE', 'STATE', 'INVITED BY', 'SINCE'], ...rows]));
}

export async function inviteUser(
  io: Io,
  client: CloudClient,
  username: string | undefined,
  o: ScopeOptions & JsonOption & { role: string; expiresHours: number },
): Promise<void> {
  const scope = scopeOf(o);
  const made = await client.write<Invitation & { token: string; link: string }>(
    'invite a user',
    'POST',
    'invitations',
    {
      ...{ role: o.role, expiresInHours: o.expiresHours },
      ...(username === undefined ? {} : { username }),
      ...(scope === undefined ? {} : { scope }),
    },
  );
  if (o.json) return print(io, made);
  const who = made.username ?? 'whoever opens it';
  io.stdout.write(
    plainLines(
      `${made.link}\nThe link works once, until ${made.expiresAtUtc}, and makes ${who} ${made.role} of ${scopeText(made.scope)}.\n`,
    ),
  );
}

export async function resetPassword(io: Io, client: CloudClient, username: string): Promise<void> {
  const path = `users/${encodeURIComponent(username)}/password-reset`;
  const made = await client.write<{ link: string; expiresAtUtc: string }>(
    `reset the password of ${username}`,
    'POST',
    path,
    {},
  );
  io.stdout.write(plainLines(`${made.link}\nThe link works once, until ${made.expiresAtUtc}.\n`));
}

export async function changeUser(io: Io, client: CloudClient, username: string, change: object): Promise<void> {
  if (Object.keys(change).length === 0)
    throw badOption('options', '', '--role, --all-nodes, --prefix, --node or --tag');
  const path = `users/${encodeURIComponent(username)}`;
  const user = await client.write<User>(`change the user ${username}`, 'PATCH', path, change);
  const state = user.isDisabled ? ', disabled' : '';
  io.stdout.write(plainLines(`${user.username} is ${user.role} of ${scopeText(user.scope)}${state}\n`));
}

export async function deleteUser(io: Io, client: CloudClient, username: string): Promise<void> {
  await client.write(`delete the user ${username}`, 'DELETE', `users/${encodeURIComponent(username)}`, {});
  io.stdout.write(plainLines(`User ${username} deleted\n`));
}

export async function userSessions(
  io: Io,
  client: CloudClient,
  username: string,
  o: JsonOption & { end?: boolean },
): Promise<void> {
  const path = `users/${encodeURIComponent(username)}/sessions`;
  if (o.end) {
    await client.write(`end the sessions of ${username}`, 'DELETE', path, {});
    io.stdout.write(plainLines(`Sessions of ${username} ended\n`));
    return;
  }
  const { sessions } = await client.read<{ sessions: Session[] }>(`list the sessions of ${username}`, path);
  if (o.json) return print(io, sessions);
  const rows = sessions.map((session) => [session.lastUsedAtUtc, session.createdAtUtc, session.address, session.agent]);
  io.stdout.write(alignedTable([['LAST USED', 'OPENED', 'ADDRESS', 'PROGRAM'], ...rows]));
}

export async function listInvitations(io: Io, client: CloudClient, o: JsonOption): Promise<void> {
  const { invitations } = await client.read<{ invitations: Invitation[] }>('list the invitations', 'invitations');
  if (o.json) return print(io, invitations);
  const nowMs = io.clock.nowMs();
  const rows = invitations.map((one) => [
    ...[one.id, one.username ?? '-', one.isReset ? 'password' : one.role, scopeText(one.scope), one.invitedBy],
    one.usedAtUtc !== null ? 'used' : Date.parse(one.expiresAtUtc) <= nowMs ? 'expired' : `until ${one.expiresAtUtc}`,
  ]);
  io.stdout.write(alignedTable([['ID', 'USER', 'ROLE', 'SCOPE', 'BY', 'STATE'], ...rows]));
}

export async function withdrawInvitation(io: Io, client: CloudClient, id: string): Promise<void> {
  await client.write(`withdraw the invitation ${id}`, 'DELETE', `invitations/${encodeURIComponent(id)}`, {});
  io.stdout.write(plainLines(`Invitation ${id} withdrawn\n`));
}

/** `link` as `user invite` printed it. */
export async function join(
  io: Io,
  link: string,
  o: { user?: string; passwordFile?: string; ca?: string; pin?: string },
): Promise<void> {
  const url = URL.canParse(link) ? new URL(link) : undefined;
  const token = url?.hash.slice(1) ?? '';
  if (url?.protocol !== 'https:' || token === '')
    throw badOption('link', url?.origin ?? link, 'https://HOST/portal/join#TOKEN');
  const password = await readPassword(io, { user: o.user ?? 'the new user', passwordFile: o.passwordFile });
  const client = new CloudClient({ url: url.origin, ca: await readCa(url, { ca: o.ca, pin: o.pin }) });
  const body = { token, password, ...(o.user === undefined ? {} : { username: o.user }) };
  const made = await client.write<{ username: string; role: string; scope: Scope }>(
    'use the invitation',
    'POST',
    'invitations/accept',
    body,
  );
  io.stdout.write(
    plainLines(
      `${made.username} is ${made.role} of ${scopeText(made.scope)}; log in: login ${url.origin} --user ${made.username}\n`,
    ),
  );
}

export async function changePassword(
  io: Io,
  client: CloudClient,
  o: { passwordFile?: string; newPasswordFile: string },
): Promise<void> {
  const currentPassword = await readPassword(io, { user: 'this session', passwordFile: o.passwordFile });
  const newPassword = await readPassword(io, { user: 'this session', passwordFile: o.newPasswordFile });
  await client.write('change the password', 'PUT', 'me/password', { currentPassword, newPassword });
  io.stdout.write('Password changed; other sessions have ended\n');
}

export async function listTokens(io: Io, client: CloudClient, o: JsonOption): Promise<void> {
  const { tokens } = await client.read<{ tokens: Token[] }>('list the API tokens', 'me/tokens');
  if (o.json) return print(io, tokens);
  const rows = tokens.map((token) => [
    ...[token.id, token.name, token.role, scopeText(token.scope), token.expiresAtUtc],
    token.lastUsedAtUtc === null ? 'never' : `${token.lastUsedAtUtc} from ${token.lastAddress}`,
  ]);
  io.stdout.write(alignedTable([['ID', 'NAME', 'ROLE', 'SCOPE', 'EXPIRES', 'LAST USED'], ...rows]));
}

/** The token alone on stdout, so that it can be put into a file. */
export async function createToken(
  io: Io,
  client: CloudClient,
  name: string,
  o: ScopeOptions & { role: string; days: number },
): Promise<void> {
  const scope = scopeOf(o);
  const body = { name, role: o.role, expiresInDays: o.days, ...(scope === undefined ? {} : { scope }) };
  const made = await client.write<Token & { token: string }>(`make the token ${name}`, 'POST', 'me/tokens', body);
  io.stdout.write(plainLines(`${made.token}\n`));
  io.stderr.write(
    plainLines(`${made.role} of ${scopeText(made.scope)} until ${made.expiresAtUtc}; it is not shown again\n`),
  );
}

export async function deleteToken(io: Io, client: CloudClient, id: string): Promise<void> {
  await client.write(`delete the token ${id}`, 'DELETE', `me/tokens/${encodeURIComponent(id)}`, {});
  io.stdout.write(plainLines(`Token ${id} deleted\n`));
}

function print(io: Io, value: unknown): void {
  io.stdout.write(`${jsonText(value, 2)}\n`);
}
