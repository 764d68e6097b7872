// `method NODE[/MODULE] NAME [PAYLOAD]` and `logs NODE MODULE`: reach through the cloud into a node.

import { EdgeError } from '@wayside/kit';
import type { ErrorCode } from '../errors.ts';
import type { Io } from '../io.ts';
import { jsonText, plainLines } from '../terminal-text.ts';
import type { CloudClient } from './cloud-client.ts';

/** Most lines the cloud reads from a node at once. */
const LOG_LINES_MAX = 100_000;
/** First status of an answer that says no. */
const STATUS_FAILED_MIN = 400;

export interface MethodOptions {
  responseTimeoutSecs: number;
  connectTimeoutSecs: number;
}

/** `edge1/MCC` -> both names. System modules may be written without `$`. */
function parseTarget(text: string): { node: string; module?: string } {
  const [node = '', module, ...rest] = text.split('/');
  if (node === '' || module === '' || rest.length > 0)
    throw new EdgeError(
      'CLI_OPTION_INVALID' satisfies ErrorCode,
      `Cannot read the target "${text}": wanted NODE or NODE/MODULE`,
      {
        source: 'config',
      },
    );
  if (module === undefined) return { node };
  return { node, module: module === 'edgeAgent' || module === 'edgeHub' ? `$${module}` : module };
}

/** Prints the answer's payload; a status of 400 and more makes the command fail. Returns the exit code. */
export async function method(
  io: Io,
  client: CloudClient,
  target: string,
  name: string,
  payloadText: string | undefined,
  options: MethodOptions,
): Promise<number> {
  const { node, module } = parseTarget(target);
  const answer = await client.invokeMethod(node, module, {
    methodName: name,
    payload: parsePayload(payloadText),
    responseTimeoutInSeconds: options.responseTimeoutSecs,
    connectTimeoutInSeconds: options.connectTimeoutSecs,
  });
  io.stdout.write(`${jsonText(answer)}\n`);
  return answer.status >= STATUS_FAILED_MIN ? 1 : 0;
}

function parsePayload(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new EdgeError('CLI_OPTION_INVALID' satisfies ErrorCode, 'Cannot read the payload: it is no JSON', {
      cause,
      source: 'config',
    });
  }
}

export async function cloudLogs(
  io: Io,
  client: CloudClient,
  node: string,
  module: string,
  options: { tail: number | 'all'; since: string | undefined },
): Promise<void> {
  const log = await client.moduleLogs(node, module, {
    tail: options.tail === 'all' ? LOG_LINES_MAX : options.tail,
    since: options.since,
  });
  const text = io.stdout.isTTY === true ? plainLines(log) : log;
  io.stdout.write(text === '' || text.endsWith('\n') ? text : `${text}\n`);
}
