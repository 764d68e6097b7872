// `node export|import`: the migration package, a file with keys that only its owner may read.

import { readFile, writeFile } from 'node:fs/promises';
import { EdgeError } from '@wayside/kit';
import type { ErrorCode } from '../errors.ts';
import type { Io } from '../io.ts';
import { plainLine } from '../terminal-text.ts';
import type { CloudClient } from './cloud-client.ts';

const FILE_MODE = 0o600;

interface ImportedNode {
  name: string;
  result: 'created' | 'updated' | 'refused';
  reason: string;
  problems: { path: string; message: string }[];
}

export interface ExportOptions {
  output: string;
  customer?: string;
}

/** Without names all nodes, or those of the account. */
export async function exportNodes(
  io: Io,
  client: CloudClient,
  names: readonly string[],
  o: ExportOptions,
): Promise<void> {
  const wanted = {
    ...(names.length > 0 ? { nodes: names } : {}),
    ...(o.customer === undefined ? {} : { customerId: o.customer }),
  };
  const document = await client.write<{ nodes: unknown[] }>('export the nodes', 'POST', 'nodes/export', wanted);
  // Never over a file that is there: it may be the only copy of keys.
  await writeFile(o.output, `${JSON.stringify(document, null, 2)}\n`, { mode: FILE_MODE, flag: 'wx' }).catch(
    (cause) => {
      throw fileError(`Cannot write ${o.output}: ${codeOf(cause)}`, cause);
    },
  );
  io.stdout.write(`${document.nodes.length} node(s) written to ${o.output}; it holds keys and passwords\n`);
}

/** Exit code: 1 when a node was refused. */
export async function importNodes(io: Io, client: CloudClient, file: string, o: { replace: boolean }): Promise<number> {
  const document = await readPackage(file);
  const body = { package: document, replace: o.replace };
  const { nodes } = await client.write<{ nodes: ImportedNode[] }>('import the nodes', 'POST', 'nodes/import', body);
  for (const { name, result, reason, problems } of nodes) {
    const why = result === 'refused' ? `: ${[reason, ...problems.map((p) => `${p.path}: ${p.message}`)][0]}` : '';
    io.stdout.write(`${plainLine(`${name}: ${result}${why}`)}\n`);
  }
  io.stdout.write('Each server goes on as its node after: node provision NAME, and that command on it\n');
  return nodes.some(({ result }) => result === 'refused') ? 1 : 0;
}

async function readPackage(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw fileError(`Cannot read the package ${file}: ${codeOf(cause)}`, cause);
  }
}

function codeOf(cause: unknown): string {
  const { code } = cause as { code?: unknown };
  return typeof code === 'string' ? code : 'it is no JSON';
}

function fileError(message: string, cause: unknown): EdgeError {
  return new EdgeError('CLI_OPTION_INVALID' satisfies ErrorCode, message, { cause, source: 'config' });
}
