// Reads the logs that a request asks for and packs them: text or JSON, plain or gzip.

import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { EdgeError } from '@wayside/kit';
import type { Json, JsonObject } from '@wayside/protocol';
import { readLogFrames } from '../daemon/log-frames.ts';
import type { LogQuery } from '../daemon/management-client.ts';
import { filterLines, type LogFilter, matchItems, readLogItems, toRecords } from './log-filter.ts';
import { invalid, readWord } from './method-request.ts';

/** A direct method answer may hold 128 KB; the original keeps this distance. */
const LOGS_ANSWER_BYTES_MAX = 127_000;

const compress = promisify(gzip);

export interface LogSource {
  moduleNames(): readonly string[];
  logs(name: string, query: LogQuery, signal: AbortSignal): Promise<Buffer>;
}

export interface LogRequest {
  items: { id: string; filter: LogFilter }[];
  encoding: 'none' | 'gzip';
  contentType: 'text' | 'json';
}

export interface PackedLog {
  id: string;
  bytes: Buffer;
}

export function readLogRequest(request: JsonObject, names: readonly string[], nowMs: number): LogRequest {
  const items = matchItems(names, readLogItems(request, nowMs));
  if (items.length === 0)
    throw invalid('items', request.items as Json, `an id that matches one of ${names.join(', ')}`);
  return {
    items,
    encoding: readWord(request, 'encoding', ['none', 'gzip']),
    contentType: readWord(request, 'contentType', ['text', 'json']),
  };
}

/** One module's log as asked for. JSON is one record a line in uploads and an array in answers; both are made from the same records. */
export async function packLog(
  source: LogSource,
  identity: { iothub: string; device: string },
  request: LogRequest,
  item: LogRequest['items'][number],
  signal: AbortSignal,
): Promise<PackedLog> {
  const { since, until, tail, loglevel, regex } = item.filter;
  // The engine may cut the tail only when no line is taken out afterwards.
  const engineTail = loglevel === undefined && regex === undefined ? tail : undefined;
  const raw = await source.logs(item.id, { since, until, tail: engineTail }, signal);
  const lines = filterLines(readLogFrames(raw), item.filter);
  const text =
    request.contentType === 'json'
      ? JSON.stringify(toRecords(lines, { ...identity, id: item.id }))
      : lines.map((line) => `${line}\n`).join('');
  const bytes = Buffer.from(text, 'utf8');
  return { id: item.id, bytes: request.encoding === 'gzip' ? await compress(bytes) : bytes };
}

/** The answer of GetModuleLogs: gzip as base64 in payloadBytes, else text in payload. */
export async function answerLogs(
  source: LogSource,
  identity: { iothub: string; device: string },
  request: LogRequest,
  signal: AbortSignal,
): Promise<Json> {
  const answer: JsonObject[] = [];
  let sizeBytes = 0;
  for (const item of request.items) {
    const packed = await packLog(source, identity, request, item, signal);
    const isGzip = request.encoding === 'gzip';
    const entry: JsonObject = {
      id: packed.id,
      payloadBytes: isGzip ? packed.bytes.toString('base64') : null,
      payload: isGzip ? null : packed.bytes.toString('utf8'),
    };
    sizeBytes += Buffer.byteLength(JSON.stringify(entry));
    if (sizeBytes > LOGS_ANSWER_BYTES_MAX)
      throw new EdgeError(
        'AGENT_LOGS_TOO_LARGE',
        `Cannot answer the logs: at least ${sizeBytes} bytes, at most ${LOGS_ANSWER_BYTES_MAX}; use tail, since, gzip or UploadModuleLogs`,
        { source: 'downstream', details: { sizeBytes } },
      );
    answer.push(entry);
  }
  return answer;
}
