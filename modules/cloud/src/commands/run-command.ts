// `wayside-cloud COMMAND`: what is done on the machine of the cloud itself, beside the running cloud or in its place.

import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type Clock, ConfigError, EdgeError, type Logger } from '@wayside/kit';
import { AuditLog } from '../audit/audit-log.ts';
import type { Change } from '../audit/difference.ts';
import { restoreBackup } from '../backup/restore-backup.ts';
import { writeBackup } from '../backup/write-backup.ts';
import { CLOUD_VERSION, type CloudConfig, masterKeyPath } from '../config.ts';
import type { NodeTableMap } from '../nodes/tables.ts';
import { People } from '../people/people.ts';
import { openMasterKeys } from '../secrets/master-keys.ts';
import { resealStore } from '../secrets/sealed-store.ts';
import { openStore } from '../store/open-store.ts';
import type { Db } from '../store/tables.ts';

const PASSPHRASE_CHARACTERS_MIN = 12;
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const RESET_LIFETIME_MS = HOUR_MS;

const USAGE = `usage: wayside-cloud                                             run the cloud
       wayside-cloud backup FILE --passphrase-file FILE          write a backup, also while the cloud runs
       wayside-cloud restore FILE --passphrase-file FILE [--force]   put a backup in place of the state folder; the cloud must be stopped
       wayside-cloud rotate-key                                  a new master key; secrets in the store are sealed anew
       wayside-cloud reset-password USER                         print a link that sets a new password, good for an hour
       wayside-cloud help
`;

/** pg_dump and the state folder belong together: keys in the database are sealed with the master key of the folder. */
const POSTGRES_HINT = `The database is PostgreSQL's and not in this file. Dump it at the same time, and keep both together:
  pg_dump --format=custom --file=FILE.pgdump "$WAYSIDE_CLOUD_DATABASE_URL"
To restore: wayside-cloud restore FILE, then pg_restore --clean --if-exists --dbname="$WAYSIDE_CLOUD_DATABASE_URL" FILE.pgdump, then start the cloud.
`;

export interface CommandParts {
  config: CloudConfig;
  clock: Clock;
  logger: Logger;
  print(text: string): void;
}

type Options = { 'passphrase-file'?: string; force?: boolean };
type Command = (parts: CommandParts, operands: readonly string[], options: Options) => Promise<void>;

const COMMANDS: { readonly [name: string]: { run: Command; operands: number } } = {
  backup: { run: backup, operands: 1 },
  restore: { run: restore, operands: 1 },
  'rotate-key': { run: rotateKey, operands: 0 },
  'reset-password': { run: resetPassword, operands: 1 },
  help: { run: async ({ print }) => print(USAGE), operands: 0 },
};

/** ConfigError when the command line cannot be used. */
export async function runCommand(parts: CommandParts, args: readonly string[]): Promise<void> {
  const [name = '', ...rest] = args;
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command) throw misused(`there is no command ${JSON.stringify(name)}`);
  let parsed: { values: Options; positionals: string[] };
  try {
    parsed = parseArgs({
      args: rest,
      options: { 'passphrase-file': { type: 'string' }, force: { type: 'boolean' } },
      allowPositionals: true,
    });
  } catch (error) {
    throw misused(error instanceof Error ? error.message : String(error));
  }
  if (parsed.positionals.length !== command.operands) {
    throw misused(`${name} takes ${command.operands} operands, got ${parsed.positionals.length}`);
  }
  await command.run(parts, parsed.positionals, parsed.values);
}

async function backup(parts: CommandParts, [file = '']: readonly string[], options: Options): Promise<void> {
  const { config, clock, print } = parts;
  const passphrase = await readPassphrase(options);
  const written = await writeBackup(resolve(file), {
    ...{ stateDir: config.stateDir, masterKeyPath: masterKeyPath(config), passphrase },
    ...{ version: CLOUD_VERSION, nowMs: clock.nowMs() },
  });
  await withStore(parts, (db) =>
    record(parts, db, 'backup', 'cloud', [{ path: 'files', after: written.files.length }]),
  );
  print(`Backup ${resolve(file)}: ${written.files.length} files, ${written.bytes} bytes, encrypted\n`);
  if (!written.hasDatabase) print(POSTGRES_HINT);
}

async function restore(
  { config, clock, print }: CommandParts,
  [file = '']: readonly string[],
  options: Options,
): Promise<void> {
  const restored = await restoreBackup(resolve(file), {
    ...{ stateDir: config.stateDir, masterKeyPath: masterKeyPath(config), passphrase: await readPassphrase(options) },
    ...{ force: options.force ?? false, nowMs: clock.nowMs() },
  });
  const { header, files, keptIn } = restored;
  print(`Restored ${files.length} files of ${header.createdAtUtc} (cloud ${header.version}) into ${config.stateDir}\n`);
  if (keptIn) print(`What was there before is in ${keptIn}\n`);
  if (!header.hasDatabase) print(POSTGRES_HINT);
}

async function rotateKey(parts: CommandParts): Promise<void> {
  const keys = await openMasterKeys(masterKeyPath(parts.config), false);
  await keys.rotate();
  await withStore(parts, async (db) => {
    const sealed = await resealStore(db, keys);
    await record(parts, db, 'master-key.rotate', 'cloud', []);
    parts.print(`The master key is new; ${sealed} secrets were sealed anew\n`);
  });
}

/** For whoever is locked out: needs the state folder, which holds all there is anyway. */
async function resetPassword(parts: CommandParts, [username = '']: readonly string[]): Promise<void> {
  const { clock, config, print } = parts;
  await withStore(parts, async (db) => {
    const people = new People({ db: db.withTables<NodeTableMap>(), clock, sessionMs: HOUR_MS });
    const owner = { username, role: 'admin', scopes: ['all' as const] };
    const { token } = await people.invitations.inviteToReset(username, RESET_LIFETIME_MS, owner);
    await record(parts, db, 'password.reset-link', `users/${username}`, []);
    print(`https://${config.hostname}:${config.publicHttpsPort}/portal/join#${token}\n`);
  });
}

async function withStore(parts: CommandParts, work: (db: Db) => Promise<void>): Promise<void> {
  const { config } = parts;
  const db = await openStore(config.databaseUrl?.reveal() ?? join(config.stateDir, 'cloud.db'));
  try {
    await work(db);
  } finally {
    await db.destroy();
  }
}

async function record(parts: CommandParts, db: Db, action: string, object: string, changes: Change[]): Promise<void> {
  const { clock, logger, config } = parts;
  const audit = new AuditLog({ db: db.withTables<NodeTableMap>(), clock, logger, keepMs: config.auditDays * DAY_MS });
  const actor = { actor: 'command', credential: 'command', address: '' };
  await audit.record({ ...actor, action, object, outcome: 'done', status: 0, changes });
}

async function readPassphrase(options: Options): Promise<string> {
  const path = options['passphrase-file'];
  if (path === undefined) throw misused('--passphrase-file is missing: a file whose first line is the passphrase');
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new EdgeError('CLOUD_BACKUP_FAILED', `Cannot read the passphrase file ${path}: ${error.code}`, {
      source: 'config',
      retry: 'never',
    });
  });
  const passphrase = text.split(/\r?\n/)[0] ?? '';
  if (passphrase.length < PASSPHRASE_CHARACTERS_MIN) {
    throw misused(`the passphrase has ${passphrase.length} characters, wanted ${PASSPHRASE_CHARACTERS_MIN} or more`);
  }
  return passphrase;
}

function misused(message: string): ConfigError {
  return new ConfigError([{ path: 'command line', message: `${message}\n${USAGE}` }]);
}
