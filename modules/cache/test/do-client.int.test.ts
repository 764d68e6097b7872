// connected-cache 3.6 to 3.8 row by row: first that the scripted client does to a scripted host what the real one was seen to do, then that the
// cache in front of an origin in trouble never loses such a client a byte, and never gets itself banned where it is not to be (R1 to R7).

import { randomBytes } from 'node:crypto';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { BAN_MS, DoClient, type DoClientOptions, type DoJob } from './do-client.ts';
import { type HostAnswer, respond, ScriptedHost } from './scripted-host.ts';
import { eventually, HOST, sha256, TestCache } from './test-cache.ts';
import { type OriginObject, TestOrigin } from './test-origin.ts';

const MIB = 1024 * 1024;
const TIMEOUT_MS = 90_000;
/** Another host that the cache serves, from the same origin. */
const OTHER = 'au.download.windowsupdate.com';
/** On no list. */
const FOREIGN = 'downloads.example';
const cdn = new TestOrigin();
const clients: DoClient[] = [];

beforeAll(() => cdn.start());
afterAll(() => cdn.stop());
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

/** A client whose way to every CDN host leads to `cdn`. */
function clientOf(port: number | undefined, more: Partial<DoClientOptions> = {}): DoClient {
  const client = new DoClient({
    cacheHost: port === undefined ? undefined : `127.0.0.1:${port}`,
    portOf: (host) => (host.endsWith('.invalid') ? undefined : cdn.port),
    ...more,
  });
  clients.push(client);
  return client;
}

/** `cache 500, cdn 206`, one word pair a request; what is no whole answer is named by how it ended. */
function path({ attempts }: DoJob): string {
  return attempts.map(({ to, outcome, status }) => `${to} ${outcome === 'whole' ? status : outcome}`).join(', ');
}

describe('the client, against a scripted host', () => {
  const SIZE = 300_000;
  const body = randomBytes(SIZE);
  const url = `http://${HOST}/table?P1=1700&P4=ab%2bc%3d%3d`;
  let host: ScriptedHost;

  beforeAll(async () => {
    cdn.add('/table', 0, { body });
    host = new ScriptedHost(respond(200));
    await host.start();
  });
  afterAll(() => host.stop());

  const whole = respond(200, ['ETag: "a"'], body);
  const short: HostAnswer = (socket) => {
    socket.end(
      Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${SIZE}\r\n\r\n`), body.subarray(0, 1000)]),
    );
  };
  const reset: HostAnswer = (socket) => socket.resetAndDestroy();
  const silence: HostAnswer = () => {};
  const stall: HostAnswer = (socket) => {
    socket.write(
      Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${SIZE}\r\n\r\n`), body.subarray(0, 1000)]),
    );
  };

  test.each<[string, HostAnswer, string, 'none' | 'origin' | 'all']>([
    ['200', whole, 'cache 200', 'none'],
    ['400', respond(400), 'cache 400, cdn 200', 'origin'],
    ['403', respond(403), 'cache 403, cdn 200', 'origin'],
    ['404', respond(404), 'cache 404, cdn 200', 'origin'],
    ['416', respond(416), 'cache 416, cdn 200', 'origin'],
    ['429', respond(429, ['Retry-After: 1']), 'cache 429, cdn 200', 'origin'],
    ['500', respond(500), 'cache 500, cdn 200', 'none'],
    ['502', respond(502), 'cache 502, cdn 200', 'none'],
    ['503 with Retry-After', respond(503, ['Retry-After: 60']), 'cache 503, cdn 200', 'none'],
    ['504', respond(504), 'cache 504, cdn 200', 'none'],
    ['reset', reset, 'cache reset, cdn 200', 'none'],
    ['short body', short, 'cache cut, cdn 206', 'none'],
    ['never answers', silence, 'cache timeout, cdn 200', 'all'],
    ['stalls after 1000 bytes', stall, 'cache timeout, cdn 206', 'all'],
  ])('3.6: the cache answers %s', async (_, answer, wanted, banned) => {
    host.answer = answer;
    const client = clientOf(host.port, { timeouts: { slowMs: 3000 } });
    const job = await client.download(url);
    expect([path(job), job.state, sha256(job.body)]).toEqual([wanted, 'Transferred', sha256(body)]);
    expect([client.isBanned(HOST), client.isBanned(OTHER)]).toEqual([banned !== 'none', banned === 'all']);
    client.clock.advance(BAN_MS - 1);
    expect(client.isBanned(HOST)).toBe(banned !== 'none');
    client.clock.advance(1);
    expect(client.isBanned(HOST)).toBe(false);
  });

  test('3.6: 204 counts as success with an empty file', async () => {
    host.answer = respond(204);
    const job = await clientOf(host.port).download(url);
    expect([path(job), job.state, job.body.length]).toEqual(['cache 204', 'Transferred', 0]);
  });

  test.each([301, 302, 307])('3.6: %i is followed, Host is the target', async (status) => {
    host.answer = respond(status, [`Location: http://${OTHER}/table?moved=1`]);
    const job = await clientOf(host.port).download(url);
    expect([path(job), sha256(job.body)]).toEqual([`cache ${status}, cdn 200`, sha256(body)]);
    expect(job.attempts[1]?.text).toContain(`GET /table?moved=1 HTTP/1.1\r\nHost: ${OTHER}\r\n`);
  });

  test('3.6: refused and unresolvable ban the cache for all origins', async () => {
    const closed = new ScriptedHost(whole);
    await closed.start();
    const { port } = closed;
    await closed.stop();
    const client = clientOf(port);
    expect(path(await client.download(url))).toBe('cache refused, cdn 200');
    expect([client.isBanned(HOST), client.isBanned(OTHER)]).toEqual([true, true]);
    expect(path(await client.download(`http://${OTHER}/table`))).toBe('cdn 200');
  });

  test('3.6: a kept connection that closes without an answer is tried once anew', async () => {
    host.answer = (socket, head, before) => (before === 0 ? whole(socket, head, before) : socket.destroy());
    const client = clientOf(host.port);
    await client.download(url);
    const job = await client.download(url);
    expect([path(job), job.attempts[0]?.isNewConnection, client.isBanned(HOST)]).toEqual(['cache 200', true, false]);
  });

  test('3.4: the request is as captured', async () => {
    host.answer = whole;
    const before = host.heads.length;
    await clientOf(host.port).download(url);
    expect(host.heads[before]).toBe(
      `GET /table?P1=1700&P4=ab%2bc%3d%3d&cacheHostOrigin=${HOST} HTTP/1.1\r\nHost: 127.0.0.1:${host.port}\r\n` +
        'User-Agent: Microsoft-Delivery-Optimization-Lite/10.0.0.1\r\nAccept: */*\r\n\r\n',
    );
  });

  test('3.6: after two fruitless tries at the CDN it goes back to the cache, on the ladder', async () => {
    const answers = [respond(500), respond(500), whole];
    host.answer = (socket, head, before) => (answers.shift() as HostAnswer)(socket, head, before);
    cdn.add('/never', 10, { status: 500 });
    const job = await clientOf(host.port).download(`http://${HOST}/never`);
    expect(job.attempts.map(({ to, atMs, status }) => [to, atMs / 1000, status])).toEqual([
      ['cache', 0, 500],
      ['cdn', 0, 500],
      ['cdn', 2, 500],
      ['cache', 6, 500],
      ['cache', 14, 200],
    ]);
  });

  test('3.6: a fallback delay of 8 s, and never falling back', async () => {
    host.answer = respond(503);
    const late = await clientOf(host.port, { fallbackDelaySecs: 8 }).download(url);
    expect(late.attempts.map(({ to, atMs }) => [to, atMs / 1000])).toEqual([
      ['cache', 0],
      ['cache', 2],
      ['cache', 6],
      ['cdn', 14],
    ]);
    const never = await clientOf(host.port, { fallbackDelaySecs: -1 }).download(url);
    expect([never.state, never.error, never.attempts.every(({ to }) => to === 'cache')]).toEqual([
      'Paused',
      0x80d02002,
      true,
    ]);
    host.answer = respond(404);
    const final = await clientOf(host.port, { fallbackDelaySecs: -1 }).download(url);
    expect([final.state, final.error]).toEqual(['Paused', 0x80190194]);
  });

  test('3.6: a 4xx of the CDN is final', async () => {
    const job = await clientOf(undefined).download(`http://${HOST}/not-at-the-cdn`);
    expect([path(job), job.state, job.error]).toEqual(['cdn 404', 'Paused', 0x80190194]);
  });

  test('3.8 c, d: header names in lower case hide the length, and a broken connection then ends the agent', async () => {
    host.answer = (socket) =>
      socket.write(Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: ${SIZE}\r\n\r\n`), body]));
    const job = await clientOf(host.port).download(url);
    expect([job.state, job.bytesTotal, sha256(job.body)]).toEqual(['Transferred', 0, sha256(body)]);
    host.answer = (socket) => socket.end(`HTTP/1.1 200 OK\r\ncontent-length: ${SIZE}\r\n\r\nabc`);
    expect((await clientOf(host.port).download(url)).state).toBe('AgentAborted');
  });

  test('3.8 a, b: a host that takes the first Range, or none, spoils the file without an error', async () => {
    const [third, half] = [100_000, 200_000];
    const cuts: HostAnswer = (socket, head) => {
      const first = Number(/Range: bytes=(\d+)-/.exec(head)?.[1] ?? 0);
      const to = head.includes('Range') ? half : third;
      const status = head.includes('Range') ? `206 X\r\nContent-Range: bytes ${first}-${SIZE - 1}/${SIZE}` : '200 X';
      socket.write(`HTTP/1.1 ${status}\r\nContent-Length: ${SIZE - first}\r\n\r\n`);
      const isThird = head.split('Range: ').length > 2;
      socket.end(body.subarray(first, isThird ? SIZE : to));
    };
    host.answer = cuts;
    const client = clientOf(host.port, { fallbackDelaySecs: -1 });
    const job = await client.download(url);
    expect(job.attempts[2]?.text).toMatch(/Range: bytes=100000-299999\r\nRange: bytes=200000-299999\r\n\r\n$/);
    expect([job.state, job.body.length]).toEqual(['Transferred', SIZE + third]);
    host.answer = (socket, head, before) => (head.includes('Range') ? whole : short)(socket, head, before);
    const appended = await clientOf(host.port, { fallbackDelaySecs: -1 }).download(url);
    expect([appended.state, appended.body.length]).toEqual(['Transferred', SIZE + 1000]);
  });
});

describe('the cache, in front of an origin in trouble', () => {
  const origin = new TestOrigin();
  let cache: TestCache;

  beforeAll(async () => {
    await origin.start();
    cache = await TestCache.start(origin, {}, { hosts: `${HOST},${OTHER}` });
  }, TIMEOUT_MS);
  afterAll(async () => {
    await cache.stop();
    await origin.stop();
  });

  /** The same object at the CDN, and in trouble where the cache fetches. */
  function add(name: string, size: number, trouble: Partial<OriginObject> = {}): Buffer {
    const body = origin.add(name, size, trouble);
    cdn.add(name, 0, { body });
    return body;
  }

  async function expectUnharmed(client: DoClient, job: DoJob, body: Buffer, wanted: RegExp): Promise<void> {
    expect(path(job)).toMatch(wanted);
    expect([job.state, job.bytesTotal, sha256(job.body)]).toEqual(['Transferred', body.length, sha256(body)]);
    expect([client.isBanned(HOST), client.isBanned(OTHER)]).toEqual([false, false]);
  }

  test('3.6 200: whole from the cache, and the next time from its drive', async () => {
    const body = add('/good', 3 * MIB);
    const client = clientOf(cache.port);
    for (let i = 0; i < 2; i += 1) {
      const job = await client.download(`http://${HOST}/good?P1=${i}&P2=404&P3=2&P4=ab%2bc%3d%3d`);
      await expectUnharmed(client, job, body, /^cache 200$/);
      expect(job.attempts[0]?.isNewConnection).toBe(i === 0);
    }
    expect(origin.of('/good').map(({ url }) => url)).toEqual(['/good?P1=0&P2=404&P3=2&P4=ab%2bc%3d%3d']);
  });

  // R1, R2, R6, R7: what the origin refuses never looks like a refusal of the cache.
  test.each([400, 401, 403, 404, 410, 416, 429, 451, 204, 205, 500, 502, 503, 504])(
    '3.6 R1 R2 R6 R7: the origin answers %i: 5xx at once, the CDN at once, no ban',
    async (status) => {
      const body = add(`/status/${status}`, 50_000, { status, headers: { 'Retry-After': '120' } });
      const client = clientOf(cache.port);
      const job = await client.download(`http://${HOST}/status/${status}`);
      await expectUnharmed(client, job, body, /^cache 5\d\d, cdn 200$/);
      const next = add(`/after/${status}`, 1000);
      await expectUnharmed(client, await client.download(`http://${HOST}/after/${status}`), next, /^cache 200$/);
    },
  );

  test.each([301, 302, 307])('3.6: the origin answers %i to a host of the list', async (status) => {
    const body = add(`/moved-to/${status}`, 40_000);
    for (const server of [origin, cdn]) {
      server.add(`/moved/${status}`, 0, { status, headers: { Location: `http://${HOST}/moved-to/${status}` } });
    }
    const client = clientOf(cache.port);
    const job = await client.download(`http://${HOST}/moved/${status}`);
    await expectUnharmed(client, job, body, /^cache (200|30\d, cdn 200)$/);
  });

  test('3.6: a host that is not served gets 403, the one 4xx that is meant: it bans this origin only, for 15 minutes', async () => {
    const body = add('/foreign', 9000);
    const client = clientOf(cache.port);
    expect(path(await client.download(`http://${FOREIGN}/foreign`))).toBe('cache 403, cdn 200');
    expect(path(await client.download(`http://${FOREIGN}/foreign`))).toBe('cdn 200');
    await expectUnharmed(client, await client.download(`http://${HOST}/foreign`), body, /^cache 200$/);
    client.clock.advance(BAN_MS);
    expect(path(await client.download(`http://${FOREIGN}/foreign`))).toBe('cache 403, cdn 200');
    expect(origin.of('/foreign')).toHaveLength(1);
  });

  test(
    '3.6: an origin that resets or closes without an answer: 502 at once',
    async () => {
      const mean = new ScriptedHost((socket, _, before) =>
        before % 2 === 0 ? socket.resetAndDestroy() : socket.destroy(),
      );
      await mean.start();
      const own = await TestCache.start({ url: `http://127.0.0.1:${mean.port}` } as TestOrigin);
      const body = add('/mean', 5000);
      const client = clientOf(own.port);
      for (let i = 0; i < 3; i += 1)
        await expectUnharmed(client, await client.download(`http://${HOST}/mean`), body, /^cache 50[234], cdn 200$/);
      await own.stop();
      await mean.stop();
    },
    TIMEOUT_MS,
  );

  test(
    '3.6 3.8 b: the cache has to close short: the rest comes from the CDN',
    async () => {
      const body = add('/short', 3 * MIB, { etag: null, cutAfterBytes: 1.5 * MIB, cuts: 1000 });
      const client = clientOf(cache.port);
      const job = await client.download(`http://${HOST}/short`);
      await expectUnharmed(client, job, body, /^cache (cut, cdn 206|5\d\d, cdn 200)$/);
      expect(job.attempts[1]?.text).not.toContain('cacheHostOrigin');
    },
    TIMEOUT_MS,
  );

  test(
    '3.8 a: the second resume at the cache carries two Range headers; the last one counts',
    async () => {
      const body = add('/twice', 3 * MIB, { etag: null, cutAfterBytes: MIB, cuts: 1000 });
      const client = clientOf(cache.port, { fallbackDelaySecs: -1 });
      const object = origin.objects.get('/twice') as OriginObject;
      const running = client.download(`http://${HOST}/twice`);
      await eventually(() => (object.cuts ?? 0) <= 996, TIMEOUT_MS);
      object.cutAfterBytes = 2 * MIB;
      const cutsLeft = object.cuts ?? 0;
      await eventually(() => (object.cuts ?? 0) <= cutsLeft - 4, TIMEOUT_MS);
      object.cuts = 0;
      const job = await running;
      expect([job.state, sha256(job.body)]).toEqual(['Transferred', sha256(body)]);
      expect(job.attempts.some(({ text }) => text.split('\r\nRange: ').length > 2)).toBe(true);
      expect(job.attempts.every(({ status, text }) => status !== 200 || !text.includes('Range'))).toBe(true);
    },
    TIMEOUT_MS,
  );

  test.each([
    ['has no ranges', { noRanges: true }],
    ['sends chunks', { chunked: true, noRanges: true }],
    ['has neither ranges nor validators', { noRanges: true, etag: null }],
  ])(
    '3.8 b c: a resume where the origin %s is answered with 206 and a length',
    async (name, trouble) => {
      const object = `/resume/${name.replaceAll(' ', '-')}`;
      const body = add(object, 2 * MIB, trouble as Partial<OriginObject>);
      // The first request breaks on the client's way: a host in between that cuts it and sends what follows on to the cache.
      const there = respond(307, [`Location: http://127.0.0.1:${cache.port}${object}?cacheHostOrigin=${HOST}`]);
      const between = new ScriptedHost((socket, head, before) => {
        if (head.includes('Range: ')) return there(socket, head, before);
        const start = `HTTP/1.1 200 X\r\nContent-Length: ${body.length}\r\n\r\n`;
        socket.end(Buffer.concat([Buffer.from(start), body.subarray(0, MIB + 7)]));
      });
      await between.start();
      const client = clientOf(between.port, { fallbackDelaySecs: -1 });
      const job = await client.download(`http://${HOST}${object}`);
      expect([job.state, sha256(job.body)]).toEqual(['Transferred', sha256(body)]);
      expect(job.attempts.at(-1)).toMatchObject({ status: 206, bytes: body.length - MIB - 7 });
      await between.stop();
    },
    TIMEOUT_MS,
  );

  test.each([false, true])(
    '3.8 c: an origin with names in lower case (chunked: %s): the client knows the total',
    async (isChunked) => {
      const body = randomBytes(200_000);
      const lower = new ScriptedHost(
        isChunked
          ? respond(
              200,
              ['transfer-encoding: chunked', 'etag: "l"'],
              Buffer.concat([Buffer.from('30d40\r\n'), body, Buffer.from('\r\n0\r\n\r\n')]),
            )
          : respond(200, ['content-length: 200000', 'etag: "l"'], body),
      );
      await lower.start();
      const own = await TestCache.start({ url: `http://127.0.0.1:${lower.port}` } as TestOrigin);
      const client = clientOf(own.port);
      for (let i = 0; i < 2; i += 1)
        await expectUnharmed(client, await client.download(`http://${HOST}/lower`), body, /^cache 200$/);
      await own.stop();
      await lower.stop();
    },
    TIMEOUT_MS,
  );

  test(
    '3.8 d: chunks that break off never reach the client as an unknown total',
    async () => {
      const body = add('/chunks-cut', 2 * MIB, { chunked: true, noRanges: true, cutAfterBytes: MIB, cuts: 1000 });
      const client = clientOf(cache.port);
      const job = await client.download(`http://${HOST}/chunks-cut`);
      await expectUnharmed(client, job, body, /^cache 5\d\d, cdn 200$/);
    },
    TIMEOUT_MS,
  );

  test(
    '3.8 e: a byte that rots on the drive is not served to a client that checks nothing',
    async () => {
      const body = add('/rotten', 2 * MIB);
      const own = await TestCache.start(origin);
      await clientOf(own.port).download(`http://${HOST}/rotten`);
      const { id } = own.node.store.peek(`${HOST}/rotten`) ?? { id: -1 };
      await own.node.stop();
      const folder = join(own.directory, 'objects', (id % 256).toString(16).padStart(2, '0'));
      const name = (await readdir(folder)).find((file) => Number.parseInt(file, 16) === id) as string;
      const file = await open(join(folder, name), 'r+');
      await file.write(Buffer.from([(body[MIB + 9] as number) ^ 0x55]), 0, 1, MIB + 9);
      await file.close();
      await own.open();
      const client = clientOf(own.port);
      await expectUnharmed(client, await client.download(`http://${HOST}/rotten`), body, /^cache 200$/);
      expect(own.node.loader.corruptChunks).toBe(1);
      await own.stop();
    },
    TIMEOUT_MS,
  );

  test(
    'R3 R5: drain and overload answer 503 at once and ban nobody',
    async () => {
      const body = add('/drained', 20_000);
      const own = await TestCache.start(origin);
      const settings = { origins: { test: { hosts: HOST, url: origin.url } } };
      const client = clientOf(own.port);
      await own.node.settings.take({ ...settings, drain: true });
      await expectUnharmed(client, await client.download(`http://${HOST}/drained`), body, /^cache 503, cdn 200$/);
      // So little egress that one body at a time is all there may be.
      await own.node.settings.take({ ...settings, maxEgressMbps: 0.6 });
      origin.add('/hog', 5 * MIB);
      const hog = own.get('/hog').catch(() => undefined);
      await eventually(() => own.node.counters.hitBytes + own.node.counters.missBytes > 0, TIMEOUT_MS);
      await expectUnharmed(client, await client.download(`http://${HOST}/drained`), body, /^cache 503, cdn 200$/);
      await own.node.settings.take(settings);
      await hog;
      await expectUnharmed(client, await client.download(`http://${HOST}/drained`), body, /^cache 200$/);
      await own.stop();
    },
    TIMEOUT_MS,
  );

  test(
    'R5: a port that is closed costs all origins, and the cache is asked again after 15 minutes',
    async () => {
      const body = add('/restart', 30_000);
      const own = await TestCache.start(origin);
      const client = clientOf(own.port);
      await expectUnharmed(client, await client.download(`http://${HOST}/restart`), body, /^cache 200$/);
      own.env.CACHE_LISTEN = `127.0.0.1:${own.port}`;
      await own.node.stop();
      expect(path(await client.download(`http://${HOST}/restart`))).toBe('cache refused, cdn 200');
      expect(client.isBanned(OTHER)).toBe(true);
      await own.open();
      expect(path(await client.download(`http://${HOST}/restart`))).toBe('cdn 200');
      client.clock.advance(BAN_MS);
      await expectUnharmed(client, await client.download(`http://${HOST}/restart`), body, /^cache 200$/);
      await own.stop();
    },
    TIMEOUT_MS,
  );

  test(
    'R4: a trickling origin: the client never waits and never falls below its limit',
    async () => {
      const body = add('/trickling', 30_000, { bytesPerSec: 10_000 });
      const client = clientOf(cache.port, { timeouts: { slowMs: 1500 } });
      await expectUnharmed(client, await client.download(`http://${HOST}/trickling`), body, /^cache 200$/);
    },
    TIMEOUT_MS,
  );

  // Real limits of the client (20 s below 4000 B/s), so these take their time, all at once.
  test(
    'R3 R4: origins that get stuck: an end before the client loses patience with the cache',
    async () => {
      const start = 'HTTP/1.1 200 X\r\nContent-Length: 50000\r\nETag: "s"\r\n\r\n';
      const rows: [string, HostAnswer, RegExp][] = [
        ['never-answers', () => {}, /^cache 50[24], cdn 200$/],
        ['half-a-head', (socket) => socket.write('HTTP/1.1 200 X\r\nContent-Len'), /^cache 50[24], cdn 200$/],
        ['stalls', (socket) => socket.write(start + 'x'.repeat(1000)), /^cache (5\d\d, cdn 200|cut, cdn 206)$/],
      ];
      const body = Buffer.from('x'.repeat(50_000));
      const stuckOnce = async (name: string, answer: HostAnswer, wanted: RegExp) => {
        const stuck = new ScriptedHost(answer);
        await stuck.start();
        const own = await TestCache.start({ url: `http://127.0.0.1:${stuck.port}` } as TestOrigin);
        cdn.add(`/stuck/${name}`, 0, { body });
        const client = clientOf(own.port);
        const job = await client.download(`http://${HOST}/stuck/${name}`);
        await expectUnharmed(client, job, body, wanted);
        await own.stop();
        await stuck.stop();
      };
      await Promise.all(rows.map((row) => stuckOnce(...row)));
    },
    TIMEOUT_MS,
  );
});
