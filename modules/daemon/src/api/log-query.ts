// Query of the logs call: follow, tail, since, until, timestamps. Times as people and the original's tools write them.

import { EdgeError, parseTimeArgument } from '@wayside/kit';
import type { LogQuery } from '../containers/engine.ts';

export function readLogQuery(query: { [name: string]: unknown }, nowMs?: number): LogQuery {
  return {
    follow: flag(query.follow),
    tail: tailOf(query.tail),
    since: timeOf(query.since, nowMs),
    until: timeOf(query.until, nowMs),
    timestamps: flag(query.timestamps),
  };
}

function flag(value: unknown): boolean {
  return value === 'true' || value === '1';
}

function tailOf(value: unknown): number | undefined {
  if (value === undefined || value === '' || value === 'all') return undefined;
  if (typeof value === 'string' && /^\d{1,9}$/.test(value)) return Number(value);
  throw new EdgeError(
    'DAEMON_REQUEST_INVALID',
    `Cannot read the logs: tail is ${JSON.stringify(value)}, wanted a number or "all"`,
    {
      source: 'downstream',
    },
  );
}

/** UNIX seconds; undefined = no limit. */
function timeOf(value: unknown, nowMs?: number): number | undefined {
  if (typeof value !== 'string' || value === '') return undefined;
  return Math.floor(parseTimeArgument(value, nowMs).getTime() / 1000);
}
