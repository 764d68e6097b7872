// A client's request as the engine sees it when a delivery thread holds the connection. A body comes in pieces, one asked for at a time.

import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { RequestHead } from '../listen/exchange.ts';
import type { ForwardedHead } from './messages.ts';

export class ForwardedRequest extends Readable implements RequestHead {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: string[];
  readonly httpVersion: string;
  /** Only the address is known here; the connection itself belongs to the thread. */
  readonly socket: Socket;
  readonly #wantBody: (() => void) | null;

  /** @param wantBody asks for the next piece of the body; null when there is none */
  constructor(head: ForwardedHead, wantBody: (() => void) | null) {
    super({ autoDestroy: true });
    this.method = head.method;
    this.url = head.url;
    this.httpVersion = head.httpVersion;
    this.headers = head.headers;
    this.rawHeaders = head.rawHeaders;
    this.socket = { remoteAddress: head.remoteAddress } as Socket;
    this.#wantBody = wantBody;
    // A client that leaves amid its body is no event for who does not read it.
    this.on('error', () => {});
  }

  override _read(): void {
    if (this.#wantBody === null) this.push(null);
    else this.#wantBody();
  }

  takeBody(bytes: Uint8Array): void {
    if (!this.destroyed) this.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  }

  endBody(isWhole: boolean): void {
    if (this.destroyed) return;
    if (isWhole) this.push(null);
    else this.destroy(new Error('client left'));
  }
}
