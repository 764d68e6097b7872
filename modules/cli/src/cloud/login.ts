// `login URL`: trades user name and password for a token and keeps it, with the CA the cloud was verified by.

import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { EdgeError } from '@wayside/kit';
import type { ErrorCode } from '../errors.ts';
import type { Io } from '../io.ts';
import { CloudClient, CloudError } from './cloud-client.ts';
import { fetchPinnedCa, isPin } from './pinned-ca.ts';
import { saveSession } from './session.ts';

/** A longer first line of a password file is no password. */
const PASSWORD_CHARS_MAX = 1024;

export interface LoginOptions {
  url: string;
  user: string;
  passwordFile?: string | undefined;
  ca?: string | undefined;
  pin?: string | undefined;
}

export async function login(io: Io, sessionPath: string, options: LoginOptions): Promise<void> {
  const url = parseCloudUrl(options.url);
  const password = await readPassword(io, options);
  const ca = await readCa(url, options);
  const client = new CloudClient({ url: url.origin, ca });
  let answer: { token: string; expiresAtUtc: string };
  try {
    answer = await client.createSession(options.user, password);
  } catch (error) {
    if (!(error instanceof CloudError) || (error.statusCode !== 401 && error.statusCode !== 403)) throw error;
    throw new EdgeError(
      'CLI_LOGIN_REFUSED' satisfies ErrorCode,
      `Cannot log in at ${url.origin} as ${options.user}: the cloud refused user name or password`,
      { details: { url: url.origin, user: options.user }, source: 'config' },
    );
  }
  await saveSession(sessionPath, { url: url.origin, username: options.user, ca, ...answer });
  io.stdout.write(`Logged in at ${url.origin} as ${options.user}, until ${answer.expiresAtUtc}\n`);
}

function parseCloudUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.protocol !== 'https:' || url.username !== '' || url.password !== '' || url.search !== '')
    throw new EdgeError(
      'CLI_OPTION_INVALID' satisfies ErrorCode,
      `Cannot read the cloud's address "${url === undefined ? text : url.origin}": wanted https://HOST[:PORT]`,
      { source: 'config' },
    );
  return url;
}

export async function readCa(url: URL, options: Pick<LoginOptions, 'ca' | 'pin'>): Promise<string | null> {
  if (options.pin !== undefined) {
    if (!isPin(options.pin))
      throw new EdgeError(
        'CLI_OPTION_INVALID' satisfies ErrorCode,
        `Cannot read the pin "${options.pin}": wanted sha256// and 44 base64 characters`,
        { source: 'config' },
      );
    return fetchPinnedCa(url, options.pin);
  }
  return options.ca === undefined ? null : readTextFile(options.ca, 'the CA file');
}

export async function readPassword(io: Io, options: Pick<LoginOptions, 'user' | 'passwordFile'>): Promise<string> {
  const text =
    options.passwordFile !== undefined
      ? await readTextFile(options.passwordFile, 'the password file')
      : await askPassword(io, options.user);
  const [password = ''] = text.split(/\r?\n/, 1);
  if (password === '' || password.length > PASSWORD_CHARS_MAX)
    throw new EdgeError(
      'CLI_PASSWORD_MISSING' satisfies ErrorCode,
      `Cannot log in: the password has ${password.length} characters, wanted 1 to ${PASSWORD_CHARS_MAX}`,
      { source: 'config' },
    );
  return password;
}

/** One line from the terminal without echo; without a terminal, the first line of stdin. */
async function askPassword(io: Io, user: string): Promise<string> {
  const terminal = io.stdin.isTTY === true;
  if (terminal) io.stderr.write(`Password of ${user}: `);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: io.stdin, output: silent, terminal });
  try {
    for await (const line of lines) return line;
    return '';
  } finally {
    lines.close();
    if (terminal) io.stderr.write('\n');
  }
}

async function readTextFile(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new EdgeError('CLI_OPTION_INVALID' satisfies ErrorCode, `Cannot read ${what} ${path}`, {
      cause,
      details: { path },
      source: 'config',
    });
  }
}
