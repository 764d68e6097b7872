// An answer of the cache itself: a status, no body, always a length.

import type { ResponseChannel } from '../listen/exchange.ts';

export function refuse(response: ResponseChannel, status: number, headers: readonly string[] = []): void {
  if (response.destroyed || response.headersSent) return;
  response.writeHead(status, [...headers, 'Content-Length', '0']);
  response.end();
}
