// A body that came without a length, streamed all the same when a HEAD tells it: clients need Content-Length before the first byte
// (connected-cache 3.8 c, d). The last byte is held back until the body's end proves the length, so a wrong one never passes for whole.

import { EdgeError } from '@wayside/kit';
import type { BodyReceiver, OpenResponse } from './gated-response.ts';
import type { OriginRequest } from './origin-client.ts';
import type { OriginGate } from './origin-gate.ts';

/** The body waits meanwhile; an origin that is slower than this is received whole first. */
const HEAD_TIMEOUT_MS = 2000;

/**
 * The response with the length that the origin names for the same representation; undefined when it names none. The body is untouched then.
 * @param request the request that the response answers
 */
export async function sizedResponse(
  gate: Pick<OriginGate, 'open'>,
  request: OriginRequest,
  response: OpenResponse,
): Promise<OpenResponse | undefined> {
  const { etag } = response.head.headers;
  // Without a strong tag nothing says that both answers are about the same bytes.
  if (etag?.startsWith('"') !== true) return undefined;
  const { origin, target, client } = request;
  const asked = { origin, method: 'HEAD', target, client, headTimeoutMs: HEAD_TIMEOUT_MS };
  const head = await gate.open(asked).catch(() => undefined);
  if (head === undefined) return undefined;
  head.abort();
  const { status, headers } = head.head;
  const length = headers['content-length'] ?? '';
  const isSame =
    status === 200 &&
    headers.etag === etag &&
    headers['content-encoding'] === response.head.headers['content-encoding'];
  return isSame && /^[1-9]\d{0,15}$/.test(length) ? new SizedResponse(response, Number(length)) : undefined;
}

class SizedResponse implements OpenResponse {
  readonly head: OpenResponse['head'];
  readonly requestAtMs: number;
  readonly responseAtMs: number;
  readonly #response: OpenResponse;
  readonly #sizeBytes: number;

  constructor(response: OpenResponse, sizeBytes: number) {
    const { 'transfer-encoding': _framing, ...headers } = response.head.headers;
    this.head = { status: response.head.status, headers: { ...headers, 'content-length': String(sizeBytes) } };
    this.requestAtMs = response.requestAtMs;
    this.responseAtMs = response.responseAtMs;
    this.#response = response;
    this.#sizeBytes = sizeBytes;
  }

  attach(receiver: BodyReceiver): void {
    const size = this.#sizeBytes;
    let received = 0;
    let last: Buffer | null = null;
    let isOver = false;
    const fail = (why: string) => {
      isOver = true;
      this.#response.abort();
      const text = `The origin said that the body has ${size} bytes, but ${why}`;
      receiver.onError(new EdgeError('CACHE_ORIGIN_CHANGED', text, { source: 'upstream', retry: 'backoff' }));
    };
    this.#response.attach({
      onData(piece) {
        if (isOver) return;
        received += piece.length;
        if (received > size) return fail('more came');
        if (received < size) return receiver.onData(piece);
        if (piece.length > 1) receiver.onData(piece.subarray(0, piece.length - 1));
        last = piece.subarray(piece.length - 1);
      },
      onEnd() {
        if (isOver) return;
        if (last === null) return fail(`${received} came`);
        isOver = true;
        receiver.onData(last);
        receiver.onEnd();
      },
      onError(error) {
        if (isOver) return;
        isOver = true;
        receiver.onError(error);
      },
    });
  }

  pause(): void {
    this.#response.pause();
  }

  resume(): void {
    this.#response.resume();
  }

  abort(): void {
    this.#response.abort();
  }
}
