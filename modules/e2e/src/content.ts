// A client of the content cache: requests with Host or cacheHostOrigin, ranges, and hashes of what came.

import { createHash } from 'node:crypto';
import { Agent, get, type IncomingHttpHeaders } from 'node:http';
import { CONTENT_URL } from './settings.ts';

/** Host whose bytes the quickstart's origin stands for. */
export const CDN_HOST = 'dl.delivery.mp.microsoft.com';
export const TEST_OBJECT = '/mscomtest/wuidt.gif?cacheHostOrigin=au.download.windowsupdate.com';
export const TEST_OBJECT_BYTES = 969_710;

const ANSWER_TIMEOUT_MS = 60_000;
const agent = new Agent({ keepAlive: true, maxSockets: 64 });

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  bytes: number;
  sha256: string;
  body: Buffer | undefined;
}

export interface AskOptions {
  headers?: { [name: string]: string };
  base?: string;
  /** Keeps the body; otherwise only its hash. */
  keepBody?: boolean;
}

export function ask(path: string, o: AskOptions = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = get(
      `${o.base ?? CONTENT_URL}${path}`,
      { agent, headers: o.headers ?? {}, timeout: ANSWER_TIMEOUT_MS },
      (response) => {
        const hash = createHash('sha256');
        const kept: Buffer[] = [];
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          hash.update(chunk);
          bytes += chunk.length;
          if (o.keepBody) kept.push(chunk);
        });
        response.once('error', reject);
        response.once('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            bytes,
            sha256: hash.digest('hex'),
            body: o.keepBody ? Buffer.concat(kept) : undefined,
          }),
        );
      },
    );
    call.once('timeout', () => call.destroy(new Error(`${path}: no bytes for ${ANSWER_TIMEOUT_MS} ms`)));
    call.once('error', reject);
  });
}

/** SHA-256 of a whole object fetched as ranges, `parallel` at a time, and how many answers were not 206. */
export async function hashByRanges(
  path: string,
  o: { sizeBytes: number; rangeBytes: number; parallel: number; host: string },
): Promise<{ sha256: string; not206: number }> {
  const hash = createHash('sha256');
  const count = Math.ceil(o.sizeBytes / o.rangeBytes);
  const waiting: Promise<Answer>[] = [];
  let not206 = 0;
  const fetchRange = (index: number): Promise<Answer> => {
    const first = index * o.rangeBytes;
    const last = Math.min(first + o.rangeBytes, o.sizeBytes) - 1;
    return ask(path, { headers: { host: o.host, range: `bytes=${first}-${last}` }, keepBody: true });
  };
  for (let index = 0; index < Math.min(o.parallel, count); index += 1) waiting.push(fetchRange(index));
  for (let index = 0; index < count; index += 1) {
    const answer = await waiting.shift()!;
    if (index + o.parallel < count) waiting.push(fetchRange(index + o.parallel));
    if (answer.status !== 206) not206 += 1;
    hash.update(answer.body!);
  }
  return { sha256: hash.digest('hex'), not206 };
}
