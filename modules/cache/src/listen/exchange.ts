// What the cache needs of a request and its response. node:http's own objects fit, and so do the light ones of PlainConnection.

import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';

/** Head of a request. One with a body is a stream of it besides (node:http's IncomingMessage). */
export interface RequestHead {
  readonly method?: string | undefined;
  /** Request target as received. */
  readonly url?: string | undefined;
  readonly httpVersion: string;
  /** Lower-case name -> value. */
  readonly headers: IncomingHttpHeaders;
  /** Names and values as received, alternating. */
  readonly rawHeaders: string[];
  readonly socket: Socket;
}

/** A response on its way out; semantics as node:http's ServerResponse. */
export interface ResponseChannel {
  statusCode: number;
  readonly headersSent: boolean;
  readonly destroyed: boolean;
  readonly socket: Socket | null;
  /** @param headers names and values, alternating, in the case to be sent */
  writeHead(status: number, headers: readonly string[]): unknown;
  /** Sends an interim response (RFC 9110 15.2) before the head; names and values, alternating. */
  writeInformation?(status: number, headers: string[]): unknown;
  flushHeaders(): void;
  write(bytes: Buffer, done?: (error: Error | null | undefined) => void): boolean;
  end(bytes?: Buffer): unknown;
  destroy(): unknown;
  /** Bytes left by another way than write(): the connection is alive. */
  noteProgress?(): void;
  /** close: the response is over, whole or not. drain: write() takes more. socket: pipelined, now it is its turn. */
  once(event: 'close' | 'drain', listener: () => void): unknown;
  once(event: 'socket', listener: (socket: Socket) => void): unknown;
}
