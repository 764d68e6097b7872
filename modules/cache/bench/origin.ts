// Origin of the benchmarks: objects /obj/SIZE/ID of any size whose 8-byte little-endian words are their own index, with ranges, one rate for all
// transfers together, and figures of what was asked of it. Run: node origin.ts PORT. Control: /-/stats, /-/reset, /-/rate/MB-PER-S, /-/cut.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

export interface OriginFigures {
  requests: number;
  bodyBytes: number;
  aborted: number;
  running: number;
}

const BLOCK_BYTES = 1024 * 1024;
const TICK_MS = 4;
/** The bucket holds this time's bytes, so that a late tick is made up for and a pause is not. */
const BURST_MS = 50;
const PIECE_BYTES_MAX = 256 * 1024;
const PIECE_BYTES_MIN = 4096;
/** From this rate on small bodies go out at once. */
const UNLIMITED_BYTES_PER_SEC = 1e9;
const LAST_MODIFIED = 'Sun, 06 Nov 1994 08:49:37 GMT';

interface Transfer {
  response: ServerResponse;
  position: number;
  end: number;
  isFull: boolean;
}

let bytesPerSec = 50e6;
let allowance = 0;
let refilledAtMs = performance.now();
let figures = { requests: 0, bodyBytes: 0, aborted: 0 };
const transfers = new Set<Transfer>();
const firstBlock = bytesAt(0, BLOCK_BYTES);

/** Made anew for each piece: hundreds of transfers at hundreds of places have no block in common. */
function bytesAt(position: number, count: number): Buffer {
  const first = Math.floor(position / 8);
  const words = new Uint32Array((Math.ceil((position + count) / 8) - first) * 2);
  for (let i = 0; i < words.length; i += 2) {
    const word = first + i / 2;
    words[i] = word >>> 0;
    words[i + 1] = Math.floor(word / 2 ** 32);
  }
  const at = position - first * 8;
  return Buffer.from(words.buffer, at, count);
}

function control(url: string, response: ServerResponse): void {
  const [, , command = '', value = ''] = url.split('/');
  if (command === 'reset') figures = { requests: 0, bodyBytes: 0, aborted: 0 };
  else if (command === 'rate') bytesPerSec = Number(value) * 1e6;
  else if (command === 'cut') for (const { response: running } of transfers) running.destroy();
  response.end(JSON.stringify({ ...figures, running: transfers.size } satisfies OriginFigures));
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const url = request.url ?? '';
  if (url.startsWith('/-/')) {
    control(url, response);
    return;
  }
  const [, size, id] = /^\/obj\/(\d{1,12})\/([\w-]+)/.exec(url) ?? [];
  if (size === undefined) {
    response.writeHead(404, { 'Content-Length': 0 }).end();
    return;
  }
  figures.requests += 1;
  const etag = `"${id}-${size}"`;
  const headers: Record<string, string | number> = {
    'Content-Type': 'application/octet-stream',
    ETag: etag,
    'Last-Modified': LAST_MODIFIED,
    'Cache-Control': 'public, max-age=86400',
    'Accept-Ranges': 'bytes',
  };
  if (request.headers['if-none-match'] === etag) {
    response.writeHead(304, headers).end();
    return;
  }
  let [start, end, status] = [0, Number(size), 200];
  const ifRange = request.headers['if-range'];
  const range =
    ifRange === undefined || ifRange === etag ? /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') : null;
  if (range !== null) {
    start = Number(range[1]);
    if (start >= end) {
      response.writeHead(416, { 'Content-Range': `bytes */${size}`, 'Content-Length': 0 }).end();
      return;
    }
    if (range[2] !== '') end = Math.min(end, Number(range[2]) + 1);
    status = 206;
    headers['Content-Range'] = `bytes ${start}-${end - 1}/${size}`;
  }
  headers['Content-Length'] = end - start;
  response.writeHead(status, headers);
  if (request.method === 'HEAD') response.end();
  else if (end <= BLOCK_BYTES && end - start <= PIECE_BYTES_MAX && bytesPerSec >= UNLIMITED_BYTES_PER_SEC) {
    figures.bodyBytes += end - start;
    response.end(firstBlock.subarray(start, end));
  } else send(response, start, end);
}

function send(response: ServerResponse, position: number, end: number): void {
  response.flushHeaders();
  const transfer: Transfer = { response, position, end, isFull: false };
  transfers.add(transfer);
  response.on('drain', () => {
    transfer.isFull = false;
    if (bytesPerSec >= UNLIMITED_BYTES_PER_SEC) pump();
  });
  response.on('close', () => {
    if (transfers.delete(transfer) && transfer.position < transfer.end) figures.aborted += 1;
  });
}

/** Hands the bytes of this tick round, a piece each, until they or the takers are used up. */
function pump(): void {
  const nowMs = performance.now();
  allowance = Math.min(allowance + (bytesPerSec * (nowMs - refilledAtMs)) / 1000, (bytesPerSec * BURST_MS) / 1000);
  refilledAtMs = nowMs;
  for (let ready = [...transfers].filter(({ isFull }) => !isFull); ready.length > 0 && allowance > 0; ) {
    const share = Math.max(PIECE_BYTES_MIN, Math.min(PIECE_BYTES_MAX, Math.floor(allowance / ready.length)));
    for (const transfer of ready) {
      if (allowance <= 0) break;
      const piece = bytesAt(transfer.position, Math.min(share, transfer.end - transfer.position));
      transfer.position += piece.length;
      allowance -= piece.length;
      figures.bodyBytes += piece.length;
      transfer.isFull = !transfer.response.write(piece);
      if (transfer.position < transfer.end) continue;
      transfers.delete(transfer);
      transfer.response.end();
    }
    ready = ready.filter((transfer) => transfers.has(transfer) && !transfer.isFull);
  }
}

setInterval(pump, TICK_MS);
const server = createServer({ keepAliveTimeout: 600_000 }, answer);
server.listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4096 });
