// A whole cache node on free ports with a drive in a temporary folder, and a client that shows bytes and raw headers.

import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@wayside/kit';
import { type CacheNode, startCacheNode } from '../src/cache-node.ts';
import { readConfig } from '../src/config.ts';
import type { TestOrigin } from './test-origin.ts';

/** A host of the built-in list whose bytes come from the test origin by a desired override. */
export const HOST = 'dl.delivery.mp.microsoft.com';

export interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
  rawHeaders: string[];
  body: Buffer;
  firstByteMs: number;
}

export interface GetOptions {
  headers?: Record<string, string>;
  method?: string;
  host?: string | null;
}

export class TestCache {
  node!: CacheNode;
  readonly env: Record<string, string>;
  readonly directory: string;

  constructor(directory: string, env: Record<string, string>) {
    this.directory = directory;
    this.env = {
      CACHE_LISTEN: '127.0.0.1:0',
      CACHE_OPERATIONS_LISTEN: '127.0.0.1:0',
      CACHE_DRIVES: `${directory},1`,
      CACHE_THREADS: process.env.CACHE_TEST_THREADS ?? '1',
      ...env,
    };
  }

  static async start(origin: TestOrigin, env: Record<string, string> = {}, more: object = {}): Promise<TestCache> {
    const directory = await mkdtemp(join(tmpdir(), 'wayside-cache-'));
    const cache = new TestCache(directory, env);
    await cache.open();
    const { problems } = await cache.node.settings.take({
      origins: { test: { hosts: HOST, url: origin.url, ...more } },
    });
    if (problems.length > 0) throw new Error(JSON.stringify(problems));
    return cache;
  }

  async open(): Promise<void> {
    this.node = await startCacheNode({ config: readConfig(this.env), logger: silentLogger, version: 'test' });
  }

  async stop(): Promise<void> {
    await this.node.stop();
    await rm(this.directory, { recursive: true, force: true });
  }

  get port(): number {
    return this.node.content.port;
  }

  /** GET of a path with cacheHostOrigin=host; host null leaves the parameter out. */
  get(path: string, { headers = {}, method = 'GET', host = HOST }: GetOptions = {}): Promise<Answer> {
    const target = host === null ? path : `${path}${path.includes('?') ? '&' : '?'}cacheHostOrigin=${host}`;
    return fetchRaw(this.port, target, method, headers);
  }

  /** SHA-256 of what a GET brings, without holding it. */
  digest(path: string, host = HOST): Promise<string> {
    return new Promise((resolve, reject) => {
      const target = `${path}?cacheHostOrigin=${host}`;
      const request = httpRequest({ host: '127.0.0.1', port: this.port, path: target, agent: false }, (response) => {
        const hash = createHash('sha256');
        response.on('data', (piece: Buffer) => hash.update(piece));
        response.on('error', reject);
        response.on('end', () => resolve(hash.digest('hex')));
      });
      request.on('error', reject);
      request.end();
    });
  }

  async operations(path: string): Promise<Answer> {
    return fetchRaw(this.node.operations.port, path, 'GET', {});
  }
}

export function fetchRaw(port: number, path: string, method: string, headers: Record<string, string>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const startMs = performance.now();
    const request = httpRequest({ host: '127.0.0.1', port, path, method, headers, agent: false }, (response) => {
      const pieces: Buffer[] = [];
      let firstByteMs = -1;
      response.on('data', (piece: Buffer) => {
        if (firstByteMs < 0) firstByteMs = performance.now() - startMs;
        pieces.push(piece);
      });
      response.on('error', reject);
      response.on('end', () => {
        const { statusCode = 0, headers: got, rawHeaders } = response;
        resolve({ status: statusCode, headers: got, rawHeaders, body: Buffer.concat(pieces), firstByteMs });
      });
    });
    request.on('error', reject);
    request.end();
  });
}

/** Sends exact bytes, gives back what came until `until` says it is enough. */
export function rawExchange(port: number, text: string, until: (received: Buffer) => boolean): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    let received: Buffer = Buffer.alloc(0);
    socket.on('data', (piece: Buffer) => {
      received = Buffer.concat([received, piece]);
      if (!until(received)) return;
      socket.destroy();
      resolve(received);
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(received));
  });
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Polls until the condition holds. */
export async function eventually(condition: () => boolean | Promise<boolean>, limitMs = 5000): Promise<void> {
  const endMs = Date.now() + limitMs;
  while (!(await condition())) {
    if (Date.now() > endMs) throw new Error(`Condition did not come true within ${limitMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
