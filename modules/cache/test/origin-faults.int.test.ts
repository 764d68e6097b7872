// The origin half of the fault suite: whatever an origin does wrong, every byte a client got is right, what is missing is a 5xx or a cut
// connection, nothing wrong is stored, and the next client gets everything.

import { randomBytes } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { answer, FaultOrigin, type FaultRequest, type FaultScript, type Representation } from './fault-origin.ts';
import { eventually, HOST, TestCache } from './test-cache.ts';
import type { TestOrigin } from './test-origin.ts';

const MIB = 1024 * 1024;
/** Generous: the machine may be busy. */
const LIMIT_MS = 90_000;
let origin: FaultOrigin;
let cache: TestCache;

beforeAll(async () => {
  origin = new FaultOrigin();
  await origin.start();
  cache = await TestCache.start(origin as unknown as TestOrigin);
}, LIMIT_MS);

afterAll(async () => {
  await cache.stop();
  await origin.stop();
}, LIMIT_MS);

interface Got {
  /** 0: the connection was cut before a head came. */
  status: number;
  body: Buffer;
  /** As the head promised; -1 without a head. */
  length: number;
  contentRange: string | undefined;
  isCut: boolean;
}

/** A GET that keeps what came before a cut. */
function get(path: string, range?: string): Promise<Got> {
  return new Promise((resolve) => {
    const pieces: Buffer[] = [];
    const got: Got = { status: 0, body: Buffer.alloc(0), length: -1, contentRange: undefined, isCut: true };
    const finish = () => resolve({ ...got, body: Buffer.concat(pieces) });
    const request = httpRequest(
      {
        host: '127.0.0.1',
        port: cache.port,
        path: `${path}?cacheHostOrigin=${HOST}`,
        agent: false,
        headers: range === undefined ? {} : { Range: range },
      },
      (response) => {
        got.status = response.statusCode ?? 0;
        got.length = Number(response.headers['content-length']);
        got.contentRange = response.headers['content-range'];
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.on('error', () => {});
        response.on('end', () => {
          got.isCut = false;
        });
        response.on('close', finish);
      },
    );
    request.on('error', finish);
    request.end();
  });
}

/** What may never happen: a byte that is in none of the versions at its place, a mixture, or a whole answer that is not whole. */
function isHonest(got: Got, versions: readonly Buffer[], range?: { start: number; end: number }): boolean {
  if (got.status === 0 || got.status >= 500) return true;
  if (got.status !== (range === undefined ? 200 : 206)) return false;
  return versions.some((version) => {
    const wanted = range === undefined ? version : version.subarray(range.start, range.end);
    if (got.length !== wanted.length || !got.body.equals(wanted.subarray(0, got.body.length))) return false;
    return got.isCut || got.body.length === wanted.length;
  });
}

/** Runs whole and partial GETs at once against a path and judges every one of them. */
async function assault(path: string, versions: readonly Buffer[]): Promise<Got[]> {
  const size = (versions[0] as Buffer).length;
  const ranges = [
    undefined,
    undefined,
    { start: 0, end: Math.min(size, 100) },
    { start: Math.floor(size / 2), end: Math.min(size, Math.floor(size / 2) + 300_000) },
    { start: Math.max(0, size - 5000), end: size },
  ];
  const answers = await Promise.all(
    ranges.map((range) => get(path, range === undefined ? undefined : `bytes=${range.start}-${range.end - 1}`)),
  );
  answers.forEach((got, i) => {
    const { status, length, isCut, body, contentRange } = got;
    const facts = { path, asked: ranges[i], status, length, isCut, came: body.length, contentRange };
    expect({ ...facts, isHonest: isHonest(got, versions, ranges[i]) }).toEqual({ ...facts, isHonest: true });
  });
  return answers;
}

/** Once the origin behaves, everybody gets everything. */
async function recovers(path: string, representation: Representation): Promise<void> {
  origin.scripts.set(path, (request, socket) => answer(representation, request, socket));
  await eventually(async () => {
    const got = await get(path);
    return !got.isCut && got.status === 200 && got.body.equals(representation.body);
  }, LIMIT_MS);
  const again = await get(path, 'bytes=10-29');
  expect([again.status, again.body.equals(representation.body.subarray(10, 30))]).toEqual([206, true]);
}

const version = (size: number, etag: string | null = '"v1"'): Representation => ({ body: randomBytes(size), etag });
const cutAt = (bytes: number, socket: Socket, how: 'fin' | 'reset') => (part: Buffer) =>
  socket.write(part.subarray(0, bytes), () => (how === 'fin' ? socket.end() : socket.resetAndDestroy()));

describe('an origin that cuts', () => {
  test.each([
    ['fin', 1],
    ['fin', 5],
    ['reset', 1],
    ['reset', 5],
  ] as const)(
    'by %s in the middle of a body, %i times: nobody notices',
    async (how, cuts) => {
      const path = `/cut-${how}-${cuts}`;
      const object = version(9 * MIB + 777);
      origin.scripts.set(path, (request, socket) =>
        answer(object, request, socket, request.number < cuts ? { send: cutAt(1_300_000, socket, how) } : {}),
      );
      const answers = await assault(path, [object.body]);
      expect(answers.map(({ isCut }) => isCut)).toEqual([false, false, false, false, false]);
      await recovers(path, object);
    },
    LIMIT_MS,
  );

  test(
    'before, in and right after the head',
    async () => {
      const object = version(3 * MIB);
      const breaks: FaultScript[] = [
        (_, socket) => socket.destroy(),
        (_, socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Le'),
        (request, socket) => answer(object, request, socket, { send: () => socket.end() }),
      ];
      for (const [number, script] of breaks.entries()) {
        const path = `/head-${number}`;
        origin.scripts.set(path, script);
        await assault(path, [object.body]);
        await recovers(path, object);
      }
    },
    LIMIT_MS,
  );

  test(
    'always: the body ends short, and the client that goes on by ranges gets the rest',
    async () => {
      const path = '/cut-for-ever';
      const object = version(5 * MIB);
      origin.scripts.set(path, (request, socket) =>
        answer(object, request, socket, { send: cutAt(request.number === 0 ? 2.5 * MIB : 0, socket, 'reset') }),
      );
      const [first] = await assault(path, [object.body]);
      expect([first?.status, first?.isCut]).toEqual([200, true]);
      const came = first?.body ?? Buffer.alloc(0);
      origin.scripts.set(path, (request, socket) => answer(object, request, socket));
      await eventually(async () => {
        const rest = await get(path, `bytes=${came.length}-`);
        return rest.status === 206 && !rest.isCut && Buffer.concat([came, rest.body]).equals(object.body);
      }, LIMIT_MS);
    },
    LIMIT_MS,
  );

  test(
    'and is down for a while: the delivery goes on where it was',
    async () => {
      const path = '/restart';
      const object = version(6 * MIB);
      origin.scripts.set(path, (request, socket) =>
        answer(object, request, socket, {
          send: (part) => {
            if (request.number === 0) socket.write(part.subarray(0, 2 * MIB));
            else socket.write(part);
          },
        }),
      );
      const failuresBefore = cache.node.gate.failures;
      const running = get(path);
      await eventually(() => (cache.node.store.peek(`${HOST}${path}`)?.chunks.presentCount ?? 0) >= 2, LIMIT_MS);
      await origin.stop();
      await eventually(() => cache.node.gate.failures > failuresBefore, LIMIT_MS);
      await origin.start();
      const got = await running;
      expect([got.status, got.isCut, got.body.equals(object.body)]).toEqual([200, false, true]);
    },
    LIMIT_MS,
  );
});

describe('an origin whose object changes during the download', () => {
  const before = version(20 * MIB);
  test.each([
    ['to another of the same size', version(20 * MIB, '"v2"')],
    ['to a shorter one', version(3 * MIB, '"v2"')],
    ['to a longer one', version(30 * MIB, '"v2"')],
    ['and has no validator any more', version(20 * MIB, null)],
    ['and has a weak tag', version(20 * MIB, 'W/"v1"')],
  ])(
    '%s: old or new, never both',
    async (name, after) => {
      const path = `/change-${name.replaceAll(' ', '-')}`;
      // The second segment already comes from the new version.
      origin.scripts.set(path, (request, socket) => answer(request.number === 0 ? before : after, request, socket));
      await assault(path, [before.body, after.body]);
      await recovers(path, after);
    },
    LIMIT_MS,
  );

  test(
    'under the same tag but of another length',
    async () => {
      const path = '/change-same-tag';
      const after = version(21 * MIB);
      origin.scripts.set(path, (request, socket) => answer(request.number === 0 ? before : after, request, socket));
      await assault(path, [before.body, after.body]);
      await recovers(path, after);
    },
    LIMIT_MS,
  );

  test(
    'in the middle of a body that broke: the rest is not taken from the new one',
    async () => {
      const path = '/change-at-resume';
      const old = version(6 * MIB);
      const after = version(6 * MIB, '"v2"');
      origin.scripts.set(path, (request, socket) =>
        request.number === 0
          ? answer(old, request, socket, { send: cutAt(3.4 * MIB, socket, 'reset') })
          : answer(after, request, socket),
      );
      await assault(path, [old.body, after.body]);
      await recovers(path, after);
    },
    LIMIT_MS,
  );
});

describe('an origin that answers 200 to ranges', () => {
  test(
    'from the start',
    async () => {
      const object = version(7 * MIB + 5);
      origin.scripts.set('/no-ranges', (request, socket) => answer(object, request, socket, { noRanges: true }));
      const answers = await assault('/no-ranges', [object.body]);
      expect(answers.map(({ status, isCut }) => [status, isCut])).toEqual([
        [200, false],
        [200, false],
        [206, false],
        [206, false],
        [206, false],
      ]);
      expect(origin.of('/no-ranges').length).toBe(1);
      await recovers('/no-ranges', object);
    },
    LIMIT_MS,
  );

  test(
    'from the second segment on',
    async () => {
      const object = version(20 * MIB);
      origin.scripts.set('/later-200', (request, socket) =>
        answer(object, request, socket, { noRanges: request.number > 0 }),
      );
      const answers = await assault('/later-200', [object.body]);
      expect(answers.every(({ isCut }) => !isCut)).toBe(true);
      await recovers('/later-200', object);
    },
    LIMIT_MS,
  );

  test(
    'after a break, with and without a validator',
    async () => {
      for (const etag of ['"v1"', null]) {
        const path = `/broken-200-${etag === null ? 'plain' : 'tagged'}`;
        const object = version(4 * MIB, etag);
        origin.scripts.set(path, (request, socket) =>
          answer(object, request, socket, {
            noRanges: true,
            ...(request.number === 0 ? { send: cutAt(1.5 * MIB, socket, 'fin') } : {}),
          }),
        );
        await assault(path, [object.body]);
        await recovers(path, object);
      }
    },
    LIMIT_MS,
  );
});

type Head = Record<string, string | number | null>;

/** Every answer, the first one included, lies in the same way. */
const LIES: [string, (head: Head, request: FaultRequest, size: number) => number | undefined][] = [
  [
    'Content-Range starts elsewhere',
    (head, { range }, size) => {
      if (range === undefined) return undefined;
      head['Content-Range'] = `bytes ${range.start + 1}-${Math.min(range.end, size - 1)}/${size}`;
      return undefined;
    },
  ],
  [
    'Content-Range names another total',
    (head, { range, number }, size) => {
      if (range === undefined) return undefined;
      head['Content-Range'] = `bytes ${range.start}-${Math.min(range.end, size) - 1}/${size + number * 10}`;
      return undefined;
    },
  ],
  [
    'Content-Range is longer than the body',
    (head, { range }, size) => {
      if (range !== undefined) head['Content-Length'] = Math.max(1, Math.min(range.end, size) - range.start - 1000);
      return undefined;
    },
  ],
  [
    'Content-Range is shorter than the body',
    (head, { range }, size) => {
      if (range !== undefined)
        head['Content-Range'] =
          `bytes ${range.start}-${Math.max(range.start, Math.min(range.end, size) - 5000)}/${size}`;
      return undefined;
    },
  ],
  [
    'Content-Range has no total',
    (head, { range }, size) => {
      if (range !== undefined) head['Content-Range'] = `bytes ${range.start}-${Math.min(range.end, size) - 1}/*`;
      return undefined;
    },
  ],
  [
    'a 206 has no Content-Range',
    (head) => {
      head['Content-Range'] = null;
      return undefined;
    },
  ],
  [
    'a 206 has several parts',
    (head, { range }) => {
      if (range === undefined) return undefined;
      head['Content-Range'] = null;
      head['Content-Type'] = 'multipart/byteranges; boundary=x';
      return undefined;
    },
  ],
  [
    'Content-Length is larger than what comes',
    (head) => {
      head['Content-Length'] = Number(head['Content-Length']) + 1000;
      return undefined;
    },
  ],
  [
    'Content-Length is no number',
    (head) => {
      head['Content-Length'] = '12x';
      return undefined;
    },
  ],
  [
    'Content-Length and chunked at once',
    (head) => {
      head['Transfer-Encoding'] = 'chunked';
      return undefined;
    },
  ],
  [
    'a 206 where nothing was asked in part',
    (head, { range }, size) => {
      if (range !== undefined) return undefined;
      head['Content-Range'] = `bytes 0-99/${size}`;
      head['Content-Length'] = 100;
      return 206;
    },
  ],
  [
    '204 instead of content',
    (head) => {
      head['Content-Length'] = null;
      head['Content-Range'] = null;
      return 204;
    },
  ],
  ['304 that nobody asked for', () => 304],
];

describe('an origin that lies', () => {
  test.each(LIES)(
    '%s',
    async (name, lie) => {
      const path = `/lie-${name.replaceAll(' ', '-').toLowerCase()}`;
      const object = version(10 * MIB + 123);
      origin.scripts.set(path, (request, socket) => {
        answer(object, request, socket, {
          change: (head) => lie(head, request, object.body.length),
          send: (part) => socket.end(part),
        });
      });
      await assault(path, [object.body]);
      await recovers(path, object);
    },
    LIMIT_MS,
  );

  test(
    'a chunked body with broken framing',
    async () => {
      const path = '/bad-chunks';
      const object = version(2 * MIB);
      origin.scripts.set(path, (request, socket) =>
        answer(object, request, socket, {
          noRanges: true,
          change: (head) => {
            head['Content-Length'] = null;
            head['Transfer-Encoding'] = 'chunked';
            return undefined;
          },
          send: (part) =>
            socket.end(Buffer.concat([Buffer.from('100000\r\n'), part.subarray(0, MIB), Buffer.from('\r\nzz\r\n')])),
        }),
      );
      await assault(path, [object.body]);
      await recovers(path, object);
    },
    LIMIT_MS,
  );

  test(
    'a chunked body that ends before its last chunk is not taken for whole',
    async () => {
      const path = '/open-chunks';
      const object = version(MIB + 3);
      origin.scripts.set(path, (request, socket) =>
        answer(object, request, socket, {
          noRanges: true,
          change: (head) => {
            head['Content-Length'] = null;
            head['Transfer-Encoding'] = 'chunked';
            return undefined;
          },
          send: (part) =>
            socket.end(Buffer.concat([Buffer.from('80000\r\n'), part.subarray(0, 0x80000), Buffer.from('\r\n')])),
        }),
      );
      const answers = await assault(path, [object.body]);
      expect(answers.every(({ status }) => status === 0 || status >= 500)).toBe(true);
      await recovers(path, object);
    },
    LIMIT_MS,
  );

  test(
    'more bytes than promised on a kept connection do not end up in the next answer',
    async () => {
      const path = '/surplus';
      const object = version(200_000);
      const other = version(150_000, '"o"');
      origin.scripts.set(path, (request, socket) =>
        answer(object, request, socket, {
          send: (part) =>
            socket.write(Buffer.concat([part, Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nWRONG')])),
        }),
      );
      for (let i = 0; i < 10; i += 1) {
        const next = `/after-surplus-${i}`;
        origin.scripts.set(next, (request, socket) => answer(other, request, socket));
        const [a, b] = await Promise.all([get(path), get(next)]);
        expect([isHonest(a as Got, [object.body]), isHonest(b as Got, [other.body])]).toEqual([true, true]);
      }
      await recovers(path, object);
    },
    LIMIT_MS,
  );
});

describe('a body without a length', () => {
  const chunk = (bytes: Buffer) =>
    Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);
  const LAST = Buffer.from('0\r\n\r\n');
  /** HEAD names `length`; the body comes in chunks, `middle` runs between its halves. */
  const chunked =
    (object: Representation, length: number, middle: (goOn: () => void) => void = (goOn) => goOn()): FaultScript =>
    (request, socket) =>
      answer(object, request, socket, {
        noRanges: true,
        change: (head) => {
          head['Content-Length'] = request.method === 'HEAD' ? length : null;
          if (request.method !== 'HEAD') head['Transfer-Encoding'] = 'chunked';
          return undefined;
        },
        send: (part) => {
          if (request.method === 'HEAD') return;
          const half = Math.floor(part.length / 2);
          socket.write(chunk(part.subarray(0, half)));
          middle(() => socket.write(Buffer.concat([chunk(part.subarray(half)), LAST])));
        },
      });

  test(
    'is streamed at once when HEAD tells it, and stored',
    async () => {
      const object = version(3 * MIB);
      let release: () => void = () => {};
      const script = chunked(object, object.body.length, (goOn) => {
        release = goOn;
      });
      origin.scripts.set('/sized', script);
      // The first bytes are there although the origin has not sent the rest.
      const first = await get('/sized', 'bytes=0-99');
      expect([first.status, first.body.equals(object.body.subarray(0, 100))]).toEqual([206, true]);
      release();
      await eventually(() => cache.node.store.peek(`${HOST}/sized`)?.chunks.isComplete === true, LIMIT_MS);
      const whole = await get('/sized');
      expect([whole.isCut, whole.body.equals(object.body)]).toEqual([false, true]);
      expect(origin.of('/sized').map(({ method }) => method)).toEqual(['GET', 'HEAD']);
    },
    LIMIT_MS,
  );

  test.each([
    ['long', 1000],
    ['short', -1000],
  ])(
    'that HEAD names too %s is cut, and not kept',
    async (name, error) => {
      const path = `/sized-too-${name}`;
      const object = version(2 * MIB + 1);
      origin.scripts.set(path, chunked(object, object.body.length + error));
      const got = await get(path);
      const isPrefix = object.body.subarray(0, got.body.length).equals(got.body);
      expect([got.isCut || got.status >= 500, isPrefix]).toEqual([true, true]);
      await recovers(path, object);
    },
    LIMIT_MS,
  );
});

test(
  'nothing is left running, and every object that is stored is right',
  async () => {
    await eventually(() => cache.node.gate.transfers === 0, LIMIT_MS);
    expect(cache.node.loader.corruptChunks).toBe(0);
  },
  LIMIT_MS,
);
