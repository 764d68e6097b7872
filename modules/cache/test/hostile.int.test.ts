// Hostile input: the whole corpus against a cache in its own process, with an origin that reads by the letter and a server that nobody may reach.

import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { CacheProcess } from './cache-process.ts';
import { generate } from './corpus/generate.ts';
import { HAND_WRITTEN, HOST, type HostileRequest } from './corpus/hand-written.ts';
import { ScriptedHost } from './scripted-host.ts';
import { StrictOrigin } from './strict-origin.ts';
import { eventually, fetchRaw } from './test-cache.ts';

const TIMEOUT_MS = 240_000;
const AT_ONCE = 24;
/** Connections that send one byte now and then, from the first moment to the last. */
const SLOW_HEADS = 40;
/** After an answer so long nothing more comes: the exchange is over. */
const QUIET_MS = 60;
/** No answer at all: the client closes its side, and the cache has to come to an end. */
const PATIENCE_MS = 1500;
const HANG_MS = 30_000;
const MIB = 1024 * 1024;

const origin = new StrictOrigin();
const canary = new ScriptedHost((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'));
let directory: string;
let cache: CacheProcess;
const slowHeads: { socket: Socket; isClosed: boolean }[] = [];
let slowTimer: NodeJS.Timeout;

beforeAll(async () => {
  await Promise.all([origin.start(), canary.start()]);
  directory = await mkdtemp(join(tmpdir(), 'wayside-hostile-'));
  cache = await CacheProcess.start({
    CACHE_DRIVES: `${directory},1`,
    CACHEABLE_CUSTOM_1_HOST: HOST,
    CACHEABLE_CUSTOM_1_URL: `http://127.0.0.1:${origin.port}`,
    TEST_NO_DNS: '1',
  });
  for (let i = 0; i < SLOW_HEADS; i += 1) {
    const socket = connect({ port: cache.content, host: '127.0.0.1' });
    const slow = { socket, isClosed: false };
    socket.on('error', () => {});
    socket.on('close', () => {
      slow.isClosed = true;
    });
    socket.resume();
    socket.write(`GET /slow${i} HTTP/1.1\r\nHost: ${HOST}\r\nX-Slow: `);
    slowHeads.push(slow);
  }
  slowTimer = setInterval(() => {
    for (const { socket, isClosed } of slowHeads) if (!isClosed) socket.write('x');
  }, 500);
}, TIMEOUT_MS);

afterAll(async () => {
  clearInterval(slowTimer);
  for (const { socket } of slowHeads) socket.destroy();
  await cache.kill();
  await Promise.all([origin.stop(), canary.stop(), rm(directory, { recursive: true, force: true })]);
});

/** What came back, and whether the cache ended the exchange in time. */
function send({ text }: HostileRequest): Promise<{ answer: string; isHung: boolean }> {
  return new Promise((resolve) => {
    const socket = connect({ port: cache.content, host: '127.0.0.1' });
    let answer = '';
    let timer: NodeJS.Timeout;
    const finish = (isHung: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ answer, isHung });
    };
    const wait = (ms: number, then: () => void) => {
      clearTimeout(timer);
      timer = setTimeout(then, ms);
    };
    socket.on('connect', () => {
      socket.write(Buffer.from(text.replaceAll('{canary}', String(canary.port)), 'latin1'));
      wait(PATIENCE_MS, () => {
        socket.end();
        wait(HANG_MS, () => finish(true));
      });
    });
    socket.on('data', (piece: Buffer) => {
      answer += piece.toString('latin1');
      wait(QUIET_MS, () => finish(false));
    });
    socket.on('close', () => finish(false));
    socket.on('error', () => finish(false));
  });
}

async function sendAll(requests: readonly HostileRequest[]): Promise<Map<HostileRequest, string>> {
  const answers = new Map<HostileRequest, string>();
  const hung: string[] = [];
  const waiting = [...requests];
  const worker = async () => {
    for (let request = waiting.shift(); request !== undefined; request = waiting.shift()) {
      const { answer, isHung } = await send(request);
      answers.set(request, answer);
      if (isHung) hung.push(request.name);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  expect(hung).toEqual([]);
  return answers;
}

/** Nothing was harmed: alive, nobody unlisted reached, nothing at the origin that was not meant. */
async function expectUnharmed(): Promise<void> {
  expect([cache.isRunning, cache.output]).toEqual([true, '']);
  const answer = await fetchRaw(cache.content, `/sound?cacheHostOrigin=${HOST}`, 'GET', {});
  expect([answer.status, answer.body.length]).toEqual([200, 2000]);
  expect(canary.connections).toHaveLength(0);
  expect((await cache.state()).lookedUp).toEqual([]);
  expect(origin.faults).toEqual([]);
  expect(origin.requests.map(({ target }) => target).filter((target) => /smuggled|ssrf|inner/i.test(target))).toEqual(
    [],
  );
  const strange = origin.requests.filter(
    ({ fields }) => !fields.some(([name, value]) => name === 'host' && value === HOST),
  );
  expect(strange).toEqual([]);
  expect(origin.requests.filter(({ fields }) => fields.some(([name]) => name === 'x-injected'))).toEqual([]);
  // Every request that the origin read is one that the cache made: nothing rode along in the body of another.
  expect(origin.requests.length).toBeLessThanOrEqual(await cache.metric('wayside_cache_origin_requests_total'));
}

test(
  'hand-written forms: what is ambiguous or forbidden is refused, what can be read is answered, nothing is smuggled',
  async () => {
    const answers = await sendAll(HAND_WRITTEN);
    const wrong: string[] = [];
    for (const [{ name, wanted, text }, answer] of answers) {
      const statuses = [...answer.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status));
      if (wanted === 'refused' && statuses.some((status) => status < 400)) wrong.push(`${name}: ${statuses}`);
      // Anything that is a whole request gets an answer, if only a refusal.
      // CONNECT is closed on by Node itself, as there is nobody for it.
      if (statuses.length === 0 && !name.startsWith('CONNECT') && text !== '' && /\r\n\r\n$/.test(text))
        wrong.push(`${name}: no answer`);
      if (/\r\nX-Injected/i.test(answer.split('\r\n\r\n')[0] as string)) wrong.push(`${name}: injected`);
    }
    expect(wrong).toEqual([]);
    await expectUnharmed();
  },
  TIMEOUT_MS,
);

test(
  'a thousand bent requests, twice: no crash, no leak, no smuggling; memory and descriptors are back where they were',
  async () => {
    const requests = generate();
    await sendAll(requests);
    await expectUnharmed();
    await eventually(async () => (await cache.metric('wayside_cache_active_requests')) === 0, HANG_MS);
    const before = await cache.state();
    await sendAll(requests);
    await expectUnharmed();
    await eventually(async () => (await cache.metric('wayside_cache_active_requests')) === 0, HANG_MS);
    // The metrics request itself and idle connections to the origin come and go.
    await eventually(async () => (await cache.state()).descriptors <= before.descriptors + 4, HANG_MS * 2);
    const after = await cache.state();
    expect(after.heapBytes - before.heapBytes).toBeLessThan(4 * MIB);
    expect(after.rssBytes - before.rssBytes).toBeLessThan(48 * MIB);
    expect(origin.unreadBytes).toBe(0);
  },
  TIMEOUT_MS,
);

test(
  'heads that come a byte at a time are given up, and nobody else waits for them',
  async () => {
    await eventually(() => slowHeads.every(({ isClosed }) => isClosed), TIMEOUT_MS / 2);
    expect(origin.requests.filter(({ target }) => target.startsWith('/slow'))).toEqual([]);
    await expectUnharmed();
  },
  TIMEOUT_MS,
);
