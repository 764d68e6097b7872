// The ways to an origin: parent and past it, proxy, redirects, name servers, several addresses, the limit and the breaker of each origin.

import { mkdtemp } from 'node:fs/promises';
import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, LookupFunction } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { silentLogger } from '@wayside/kit';
import { startCacheNode } from '../src/cache-node.ts';
import { readConfig } from '../src/config.ts';
import { dnsServer } from '../src/origin/dns-server.ts';
import { NameResolver } from '../src/origin/name-resolver.ts';
import { eventually, HOST, sha256, TestCache } from './test-cache.ts';
import { TestDns } from './test-dns.ts';
import { TestOrigin } from './test-origin.ts';

const MIB = 1024 * 1024;
/** Generous: the machine may be busy. */
const LIMIT_MS = 60_000;
/** A port of 127.0.0.1 where nobody listens. */
const DEAD = '127.0.0.1:9';

let origin: TestOrigin;

beforeAll(async () => {
  origin = new TestOrigin();
  await origin.start();
}, LIMIT_MS);

afterAll(() => origin.stop(), LIMIT_MS);

/** A node whose public names all lead to this machine, past resolver and guard. */
async function startNode(env: Record<string, string>, addresses = ['127.0.0.1']): Promise<TestCache> {
  const lookup = ((_host, options, done) => {
    const all = addresses.map((address) => ({ address, family: 4 }));
    if (options.all) done(null, all);
    else done(null, addresses[0] as string, 4);
  }) as LookupFunction;
  const directory = await mkdtemp(join(tmpdir(), 'wayside-cache-'));
  const cache = new TestCache(directory, env);
  cache.node = await startCacheNode({ config: readConfig(cache.env), logger: silentLogger, version: 'test', lookup });
  return cache;
}

describe('a parent cache', () => {
  let parent: TestCache;
  let child: TestCache;
  const CDN = 'cdn.example';

  beforeAll(async () => {
    // For the parent the host's bytes come from the origin; the child knows the host only by name and port, as it would a CDN.
    parent = await TestCache.start(origin, {}, { hosts: `${HOST},${CDN}` });
    child = await startNode({
      UPSTREAM_HOST: `127.0.0.1:${parent.port}`,
      CACHEABLE_CUSTOM_1_HOST: `${CDN}:${origin.port}`,
    });
  }, LIMIT_MS);

  afterAll(async () => {
    await child.stop();
    await parent.stop();
  }, LIMIT_MS);

  test(
    'is asked first, by cacheHostOrigin, and keeps a copy',
    async () => {
      const body = origin.add('/nested', 3 * MIB);
      const got = await child.get('/nested?P1=a%2b', { host: CDN });
      expect([got.status, sha256(got.body)]).toEqual([200, sha256(body)]);
      expect(origin.of('/nested').map(({ url }) => url)).toEqual(['/nested?P1=a%2b']);
      expect((await parent.get('/nested?P1=a%2b', { host: CDN })).headers['x-cache']).toBe('HIT');
      expect(child.node.gate.detours).toBe(0);
    },
    LIMIT_MS,
  );

  test(
    'that does not serve the host is passed by',
    async () => {
      const other = await startNode({
        UPSTREAM_HOST: `127.0.0.1:${parent.port}`,
        CACHEABLE_CUSTOM_1_HOST: `only-here.example:${origin.port}`,
      });
      const body = origin.add('/only-here', 9000);
      const got = await other.get('/only-here', { host: 'only-here.example' });
      expect([got.status, got.body.equals(body), other.node.gate.detours]).toEqual([200, true, 1]);
      await other.stop();
    },
    LIMIT_MS,
  );

  test(
    'that drains is passed by',
    async () => {
      const body = origin.add('/drained', 9000);
      await parent.node.settings.take({ drain: true });
      const got = await child.get('/drained', { host: CDN });
      expect([got.status, got.body.equals(body)]).toEqual([200, true]);
      await parent.node.settings.take({ origins: { test: { hosts: `${HOST},${CDN}`, url: origin.url } } });
    },
    LIMIT_MS,
  );

  test(
    'that is down is passed by, and after a few failures not even dialled',
    async () => {
      const alone = await startNode({ UPSTREAM_HOST: DEAD, CACHEABLE_CUSTOM_1_HOST: `${CDN}:${origin.port}` });
      for (let i = 0; i < 8; i += 1) {
        const body = origin.add(`/orphan-${i}`, 5000);
        const got = await alone.get(`/orphan-${i}`, { host: CDN });
        expect([got.status, got.body.equals(body)]).toEqual([200, true]);
      }
      const { detours, refusals, failures } = alone.node.gate;
      expect(detours).toBe(8);
      expect(refusals).toBeGreaterThan(0);
      expect(failures).toBeLessThan(8);
      await alone.stop();
    },
    LIMIT_MS,
  );

  test(
    'that goes away during a transfer: the rest comes from the CDN, the client sees nothing of it',
    async () => {
      const body = origin.add('/half', 12 * MIB, { bytesPerSec: 6 * MIB });
      const second = await TestCache.start(origin, {}, { hosts: CDN });
      const orphan = await startNode({
        UPSTREAM_HOST: `127.0.0.1:${second.port}`,
        CACHEABLE_CUSTOM_1_HOST: `${CDN}:${origin.port}`,
      });
      const running = orphan.get('/half', { host: CDN });
      await eventually(() => orphan.node.gate.ingressBytes > MIB, LIMIT_MS);
      await second.stop();
      const got = await running;
      expect([got.status, sha256(got.body)]).toEqual([200, sha256(body)]);
      await orphan.stop();
    },
    LIMIT_MS,
  );

  test(
    'and the CDN are both down: 5xx',
    async () => {
      const lost = await startNode({ UPSTREAM_HOST: DEAD, CACHEABLE_CUSTOM_1_HOST: `${CDN}:9` });
      expect((await lost.get('/x', { host: CDN })).status).toBe(502);
      await lost.stop();
    },
    LIMIT_MS,
  );
});

describe('a proxy', () => {
  /** A forward proxy as in RFC 9112 3.2.2: takes targets in absolute form. */
  function startProxy(seen: string[]): Promise<Server> {
    const proxy = createServer((request, response) => {
      seen.push(request.url ?? '');
      const url = new URL(request.url ?? '');
      const onward = httpRequest(
        {
          host: '127.0.0.1',
          port: url.port,
          path: `${url.pathname}${url.search}`,
          method: request.method,
          headers: request.headers,
        },
        (answer: IncomingMessage) => {
          response.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(response);
        },
      );
      onward.on('error', () => response.destroy());
      onward.end();
    });
    return new Promise((resolve) => proxy.listen(0, '127.0.0.1', () => resolve(proxy)));
  }

  test(
    'gets every request, and its failure is 502',
    async () => {
      const seen: string[] = [];
      const proxy = await startProxy(seen);
      const { port } = proxy.address() as AddressInfo;
      const cache = await TestCache.start(origin, { UPSTREAM_PROXY: `127.0.0.1:${port}` });
      const body = origin.add('/proxied', 2 * MIB);
      const got = await cache.get('/proxied?s=%2f');
      expect([got.status, sha256(got.body)]).toEqual([200, sha256(body)]);
      expect(seen).toEqual([`${origin.url}/proxied?s=%2f`]);
      proxy.closeAllConnections();
      await new Promise((resolve) => proxy.close(resolve));
      expect((await cache.get('/proxied-later')).status).toBe(502);
      await cache.stop();
    },
    LIMIT_MS,
  );
});

describe('redirects', () => {
  let cache: TestCache;
  let other: TestOrigin;
  const OTHER = 'other.example';
  const redirect = (to: string, status = 302) => ({
    status,
    headers: { Location: to },
    etag: null,
    cacheControl: null,
  });

  beforeAll(async () => {
    other = new TestOrigin();
    await other.start();
    cache = await TestCache.start(origin);
    await cache.node.settings.take({
      origins: { test: { hosts: HOST, url: origin.url }, other: { hosts: OTHER, url: other.url } },
    });
  }, LIMIT_MS);

  afterAll(async () => {
    await cache.stop();
    await other.stop();
  }, LIMIT_MS);

  test.each([301, 302, 303, 307, 308])(
    '%i to a listed host is followed and stored under the first name',
    async (status) => {
      const path = `/moved-${status}`;
      const body = other.add(`/target-${status}`, 9 * MIB);
      origin.add(path, 0, redirect(`http://${OTHER}/target-${status}?x=1`, status));
      const got = await cache.get(path);
      expect([got.status, sha256(got.body)]).toEqual([200, sha256(body)]);
      const again = await cache.get(path, { headers: { Range: 'bytes=5-9' } });
      expect([again.status, again.headers['x-cache'], again.body.equals(body.subarray(5, 10))]).toEqual([
        206,
        'HIT',
        true,
      ]);
      expect(other.of(`/target-${status}`)[0]?.url).toBe(`/target-${status}?x=1`);
    },
    LIMIT_MS,
  );

  test.each([
    ['an unlisted host', 'http://evil.test/secret'],
    ['an address', 'http://127.0.0.1:1/secret'],
    ['the metadata address', 'http://169.254.169.254/latest/meta-data/'],
    ['another scheme', 'ftp://other.example/x'],
  ])(
    'to %s is passed on, never followed',
    async (name, location) => {
      const path = `/away-${name.replaceAll(' ', '-')}`;
      origin.add(path, 0, redirect(location));
      const before = cache.node.gate.redirects;
      const got = await cache.get(path);
      expect([got.status, got.headers.location, cache.node.gate.redirects]).toEqual([302, location, before]);
    },
    LIMIT_MS,
  );

  test(
    'a circle ends',
    async () => {
      origin.add('/circle', 0, redirect(`http://${HOST}/circle`));
      expect((await cache.get('/circle')).status).toBe(302);
      expect(origin.of('/circle').length).toBe(6);
    },
    LIMIT_MS,
  );
});

describe('name servers', () => {
  const resolverOf = (...servers: TestDns[]) =>
    new NameResolver({ servers: servers.map(({ address }) => dnsServer(address)), nowMs: () => performance.now() });

  test(
    'the second answers when the first is silent, fails or refuses',
    async () => {
      const good = new TestDns((host, type) =>
        type === 'AAAA'
          ? { addresses: ['2001:db8::5'], ttlSecs: 60 }
          : { addresses: [`192.0.2.${host.length}`], ttlSecs: 60 },
      );
      await good.start();
      for (const broken of [null, 2, 5]) {
        const bad = new TestDns(() => broken);
        await bad.start();
        const addresses = await resolverOf(bad, good).resolve('cdn.example');
        expect(addresses.map(({ address }) => address)).toEqual(['192.0.2.11', '2001:db8::5']);
        expect(bad.asked.length).toBeGreaterThan(0);
        await bad.stop();
      }
      await good.stop();
    },
    LIMIT_MS,
  );

  test(
    'silence on AAAA does not spoil the answer to A',
    async () => {
      const half = new TestDns((_host, type) =>
        type === 'A' ? { addresses: ['192.0.2.1', '192.0.2.2'], ttlSecs: 9 } : null,
      );
      await half.start();
      const { addresses, ttlSecs } = await dnsServer(half.address)('half.example');
      expect([addresses.map(({ address }) => address).sort(), ttlSecs]).toEqual([['192.0.2.1', '192.0.2.2'], 9]);
      await half.stop();
    },
    LIMIT_MS,
  );

  test(
    '"no such name" is final',
    async () => {
      const first = new TestDns(() => 3);
      const second = new TestDns(() => ({ addresses: ['192.0.2.1'], ttlSecs: 60 }));
      await Promise.all([first.start(), second.start()]);
      await expect(resolverOf(first, second).resolve('gone.example')).rejects.toMatchObject({ code: 'ENOTFOUND' });
      expect(second.asked).toEqual([]);
      await Promise.all([first.stop(), second.stop()]);
    },
    LIMIT_MS,
  );

  test(
    'CACHE_DNS_SERVERS is asked for public hosts, and the guard judges what it answers',
    async () => {
      const dns = new TestDns((_host, type) =>
        type === 'A' ? { addresses: ['10.1.2.3'], ttlSecs: 60 } : { addresses: [], ttlSecs: 60 },
      );
      await dns.start();
      const cache = await TestCache.start(origin, { CACHE_DNS_SERVERS: dns.address });
      const host = 'officecdn.microsoft.com';
      expect((await cache.get('/x', { host })).status).toBe(403);
      expect(dns.asked).toContain(`${host} A`);
      // What the operator wrote as a url is the system's business.
      origin.add('/own', 100);
      expect((await cache.get('/own')).status).toBe(200);
      expect(dns.asked.every((asked) => asked.startsWith(host))).toBe(true);
      await cache.stop();
      await dns.stop();
    },
    LIMIT_MS,
  );

  test(
    'every address of a name is tried',
    async () => {
      const cache = await startNode({ CACHEABLE_CUSTOM_1_HOST: `many.example:${origin.port}` }, [
        '127.0.0.7',
        '127.0.0.8',
        '127.0.0.1',
      ]);
      const body = origin.add('/many', 4000);
      const got = await cache.get('/many', { host: 'many.example' });
      expect([got.status, got.body.equals(body)]).toEqual([200, true]);
      await cache.stop();
    },
    LIMIT_MS,
  );
});

describe('limit and breaker', () => {
  test(
    'more transfers than the origin allows are refused at once, and served when there is room again',
    async () => {
      const cache = await TestCache.start(origin, {}, { transfersMax: 1 });
      origin.add('/slow', 4 * MIB, { bytesPerSec: 2 * MIB });
      const body = origin.add('/second', 5000);
      const slow = cache.get('/slow');
      await eventually(() => cache.node.gate.transfers === 1, LIMIT_MS);
      expect((await cache.get('/second')).status).toBe(503);
      expect(origin.of('/second')).toEqual([]);
      expect((await slow).body.length).toBe(4 * MIB);
      await eventually(() => cache.node.gate.transfers === 0, LIMIT_MS);
      expect((await cache.get('/second')).body.equals(body)).toBe(true);
      await cache.stop();
    },
    LIMIT_MS,
  );

  test(
    'an origin that failed five times is left alone; what is stored is served; it comes back by itself',
    async () => {
      const flaky = new TestOrigin();
      await flaky.start();
      const { url } = flaky;
      const cache = await TestCache.start(flaky);
      const body = flaky.add('/kept', 3000, { cacheControl: 'max-age=0' });
      await cache.get('/kept');
      await flaky.stop();
      for (let i = 0; i < 5; i += 1) expect((await cache.get(`/gone-${i}`)).status).toBe(502);
      const dialled = cache.node.gate.requests;
      expect((await cache.get('/gone-5')).status).toBe(502);
      const stale = await cache.get('/kept');
      expect([stale.status, stale.headers['x-cache'], stale.body.equals(body)]).toEqual([200, 'STALE', true]);
      expect([cache.node.gate.requests, cache.node.gate.origins.out]).toEqual([dialled, 1]);
      const back = new TestOrigin();
      await back.start(Number(new URL(url).port));
      back.add('/new', 700);
      await eventually(async () => (await cache.get('/new')).status === 200, LIMIT_MS);
      expect(cache.node.gate.origins.out).toBe(0);
      await cache.stop();
      await back.stop();
    },
    LIMIT_MS,
  );
});
