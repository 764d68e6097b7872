// `messages NODE` and `timeline NODE`: pages through what the cloud has recorded, oldest first; --follow goes on with what comes.

import type { Io } from '../io.ts';
import { jsonText, plainLine } from '../terminal-text.ts';
import type { CloudClient, TelemetryMessage, TimelineEvent } from './cloud-client.ts';

/** Largest page asked for at once. */
const PAGE_ROWS_MAX = 1000;
const FOLLOW_INTERVAL_MS = 1_000;

export interface ReadOptions {
  module?: string | undefined;
  since?: Date | undefined;
  after?: number | undefined;
  /** Rows in all; with `follow`, rows of the past. */
  limit: number;
  follow: boolean;
  json: boolean;
}

interface Row {
  seq: number;
}

export async function messages(io: Io, client: CloudClient, node: string, options: ReadOptions): Promise<void> {
  await readOn(io, options, messageLine, async (after, limit) => {
    const { messages: rows } = await client.telemetry(node, {
      module: options.module,
      since: options.since?.toISOString(),
      after,
      limit,
    });
    return rows;
  });
}

export async function timeline(io: Io, client: CloudClient, node: string, options: ReadOptions): Promise<void> {
  await readOn(io, options, eventLine, async (after, limit) => (await client.timeline(node, { after, limit })).events);
}

/** INVARIANT: `after` only grows, so no row is printed twice and an answer that repeats itself ends the run. */
async function readOn<T extends Row>(
  io: Io,
  options: ReadOptions,
  line: (row: T) => string,
  page: (after: number | undefined, limit: number) => Promise<T[]>,
): Promise<void> {
  // Without a start the cloud gives the newest rows of one page; more than a page is read from the beginning.
  const fromBeginning = options.after === undefined && options.since === undefined && options.limit > PAGE_ROWS_MAX;
  let after = fromBeginning ? 0 : options.after;
  let left = options.limit;
  while ((left > 0 || options.follow) && !io.signal.aborted) {
    const asked = left > 0 ? Math.min(left, PAGE_ROWS_MAX) : PAGE_ROWS_MAX;
    const isNewest = after === undefined && options.since === undefined;
    const rows = (await page(after, asked)).filter((row) => after === undefined || row.seq > after);
    for (const row of rows) io.stdout.write(`${options.json ? jsonText(row) : line(row)}\n`);
    after = rows.at(-1)?.seq ?? after;
    left = Math.max(0, left - rows.length);
    // The newest rows are one page. Any other may end early, at its bytes: the end is where nothing comes.
    const isMore = isNewest ? rows.length === asked : rows.length > 0;
    if (isMore && after !== undefined && (left > 0 || options.follow)) continue;
    if (!options.follow) return;
    // An empty history is followed from its beginning.
    after ??= 0;
    await io.clock.sleep(FOLLOW_INTERVAL_MS, io.signal).catch(() => undefined);
  }
}

export function messageLine(message: TelemetryMessage): string {
  const properties = Object.entries(message.properties)
    .map(([name, value]) => ` ${name}=${String(value)}`)
    .join('');
  const body = typeof message.body === 'string' ? message.body : JSON.stringify(message.body);
  return plainLine(`${message.enqueuedAtUtc} ${message.moduleId ?? '-'}${properties} ${body}`);
}

export function eventLine(event: TimelineEvent): string {
  return plainLine(`${event.atUtc} ${event.kind}${event.subject === '' ? '' : ` ${event.subject}`}: ${event.text}`);
}
