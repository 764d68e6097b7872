import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { EdgeError } from '@wayside/kit';
import type { BodyReceiver, OpenResponse } from './origin-gate.ts';
import { spool } from './spool.ts';

/** A response whose body the test hands over itself. */
class FedResponse implements OpenResponse {
  readonly head = { status: 200, headers: { 'transfer-encoding': 'chunked' } };
  readonly requestAtMs = 0;
  readonly responseAtMs = 0;
  aborts = 0;
  readonly attached = Promise.withResolvers<BodyReceiver>();
  attach(receiver: BodyReceiver): void {
    this.attached.resolve(receiver);
  }
  pause(): void {}
  resume(): void {}
  abort(): void {
    this.aborts += 1;
  }
}

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'wayside-spool-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function bodyOf(response: OpenResponse): Promise<Buffer> {
  const pieces: Buffer[] = [];
  return new Promise((resolve, reject) => {
    response.attach({
      onData: (piece) => pieces.push(piece),
      onEnd: () => resolve(Buffer.concat(pieces)),
      onError: reject,
    });
  });
}

describe('spool()', () => {
  test('gives the body back whole, with its length', async () => {
    const response = new FedResponse();
    const spooled = spool(response, directory);
    const receiver = await response.attached.promise;
    const pieces = Array.from({ length: 40 }, () => randomBytes(10_000));
    for (const piece of pieces) receiver.onData(piece);
    receiver.onEnd();
    const { head } = await spooled;
    expect(head.headers).toEqual({ 'content-length': '400000' });
    expect((await bodyOf(await spooled)).equals(Buffer.concat(pieces))).toBe(true);
    expect(readdirSync(directory)).toEqual([]);
  });

  test('an origin that breaks off while pieces are being written: given up once, and nothing is taken afterwards', async () => {
    const response = new FedResponse();
    const spooled = spool(response, directory);
    const receiver = await response.attached.promise;
    for (let i = 0; i < 20; i += 1) receiver.onData(randomBytes(50_000));
    receiver.onError(new EdgeError('CACHE_ORIGIN_UNREACHABLE', 'cut'));
    receiver.onData(randomBytes(10));
    await expect(spooled).rejects.toMatchObject({ code: 'CACHE_ORIGIN_UNREACHABLE' });
    expect(response.aborts).toBe(1);
    expect(readdirSync(directory)).toEqual([]);
  });

  test('a body above the limit is given up', async () => {
    const response = new FedResponse();
    const spooled = spool(response, directory);
    const receiver = await response.attached.promise;
    const piece = { length: 1024 ** 3 + 1 } as Buffer;
    receiver.onData(piece);
    await expect(spooled).rejects.toMatchObject({ code: 'CACHE_ORIGIN_ANSWER_INVALID' });
    expect(response.aborts).toBe(1);
  });
});
