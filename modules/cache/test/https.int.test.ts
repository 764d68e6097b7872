// HTTPS over real sockets with curl and openssl as clients: request, sign elsewhere, import; renewal under connections; refusals; off.

import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually, HOST, sha256, TestCache } from './test-cache.ts';
import { TestOrigin } from './test-origin.ts';

const run = promisify(execFile);
const MIB = 1024 * 1024;
let origin: TestOrigin;
let folder: string;

beforeAll(async () => {
  origin = new TestOrigin();
  await origin.start();
  folder = await mkdtemp(join(tmpdir(), 'wayside-https-'));
  await run(
    'openssl',
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30'].concat([
      '-subj',
      '/CN=customer CA',
      '-keyout',
      join(folder, 'ca.key'),
      '-out',
      join(folder, 'ca.crt'),
    ]),
  );
}, 60_000);

afterAll(async () => {
  await origin.stop();
  await rm(folder, { recursive: true });
});

/** The customer's CA: what openssl makes of a request, with the names the request asks for. */
async function sign(csr: string, name: string): Promise<string> {
  const [request, certificate] = [join(folder, `${name}.csr`), join(folder, `${name}.crt`)];
  await writeFile(request, csr);
  await run(
    'openssl',
    ['x509', '-req', '-in', request, '-CA', join(folder, 'ca.crt'), '-CAkey', join(folder, 'ca.key')].concat([
      '-days',
      '10',
      '-copy_extensions',
      'copyall',
      '-out',
      certificate,
    ]),
  );
  return readFile(certificate, 'utf8');
}

/** Key and self-signed-by-CA certificate made elsewhere, as files. */
async function make(name: string): Promise<{ key: string; certificate: string }> {
  const [key, request, certificate] = ['key', 'csr', 'crt'].map((end) => join(folder, `${name}.${end}`)) as [
    string,
    string,
    string,
  ];
  await run(
    'openssl',
    ['req', '-newkey', 'rsa:2048', '-nodes', '-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1'].concat([
      '-keyout',
      key,
      '-out',
      request,
    ]),
  );
  await run(
    'openssl',
    ['x509', '-req', '-in', request, '-CA', join(folder, 'ca.crt'), '-CAkey', join(folder, 'ca.key')].concat([
      '-days',
      '10',
      '-copy_extensions',
      'copyall',
      '-out',
      certificate,
    ]),
  );
  return { key, certificate };
}

interface Reply {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers of every shape, looked into by the tests
  json: any;
}

function command(cache: TestCache, method: string, path: string, payload?: unknown): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        ...{ host: '127.0.0.1', port: cache.node.operations.port, method, path, agent: false },
        headers: { 'Content-Type': 'application/json' },
      },
      (response) => {
        const pieces: Buffer[] = [];
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, json: JSON.parse(Buffer.concat(pieces).toString()) }),
        );
      },
    );
    request.on('error', reject);
    request.end(payload === undefined ? undefined : JSON.stringify(payload));
  });
}

const portOf = (cache: TestCache) => cache.node.operate.https?.address?.port ?? 0;

async function curl(port: number, path: string, more: string[] = []): Promise<Buffer> {
  const url = `https://127.0.0.1:${port}${path}?cacheHostOrigin=${HOST}`;
  const args = [
    '--silent',
    '--show-error',
    '--fail',
    '--max-time',
    '60',
    '--cacert',
    join(folder, 'ca.crt'),
    ...more,
    url,
  ];
  const { stdout } = await run('curl', args, { encoding: 'buffer', maxBuffer: 64 * MIB });
  return stdout;
}

/** What the server shows in the handshake. */
async function handshake(port: number, more: string[]): Promise<string> {
  const child = run(
    'openssl',
    ['s_client', '-connect', `127.0.0.1:${port}`, '-CAfile', join(folder, 'ca.crt'), ...more],
    { timeout: 30_000 },
  );
  child.child.stdin?.end();
  const { stdout, stderr } = await child.catch((error: { stdout: string; stderr: string }) => error);
  return `${stdout}${stderr}`;
}

describe('request, sign, import', () => {
  let cache: TestCache;
  beforeAll(async () => {
    cache = await TestCache.start(origin, { CACHE_TLS_LISTEN: '127.0.0.1:0' });
  }, 60_000);
  afterAll(() => cache.stop());

  test('without a certificate there is no listener', () => expect(cache.node.operate.https?.address).toBeNull());

  test.each(['EC-P-256', 'RSA-2048'])(
    '%s: the key stays here, the names are those asked for, curl gets the bytes',
    async (algorithm) => {
      const { status, json } = await command(cache, 'POST', '/certificate/request', {
        algorithm,
        commonName: 'cache.example',
        organization: 'Example',
        country: 'DE',
        san: { dns: ['cache.example'], ip: ['127.0.0.1', '::1'] },
      });
      expect([status, Object.keys(json)]).toEqual([200, ['csr']]);
      const keyFile = await stat(join(cache.directory, 'tls', 'pending.key'));
      expect(keyFile.mode & 0o777).toBe(0o600);
      const imported = await command(cache, 'PUT', '/certificate', {
        certificate: await sign(json.csr, `flow-${algorithm}`),
      });
      expect(imported.status).toBe(200);
      expect(imported.json.inUse.subjectAltName).toBe(
        'DNS:cache.example, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1',
      );
      const body = origin.add(`/tls/${algorithm}`, 3 * MIB + 17);
      for (let i = 0; i < 2; i += 1) {
        expect(sha256(await curl(portOf(cache), `/tls/${algorithm}`))).toBe(sha256(body));
      }
      const part = await curl(portOf(cache), `/tls/${algorithm}`, ['--range', '1000000-2099999']);
      expect(part.equals(body.subarray(1_000_000, 2_100_000))).toBe(true);
    },
    90_000,
  );

  test('HTTP/2 is not offered, TLS 1.1 is refused, 1.2 and 1.3 are spoken', async () => {
    const alpn = await handshake(portOf(cache), ['-alpn', 'h2,http/1.1']);
    expect(alpn).toContain('ALPN protocol: http/1.1');
    expect(await handshake(portOf(cache), ['-tls1_2'])).toContain('Protocol  : TLSv1.2');
    expect(await handshake(portOf(cache), ['-tls1_3'])).toContain('TLSv1.3');
    expect(await handshake(portOf(cache), ['-tls1_1', '-cipher', 'ALL:@SECLEVEL=0'])).toContain('Cipher is (NONE)');
    expect((await curl(portOf(cache), '/tls/EC-P-256', ['--http2', '--range', '0-9'])).length).toBe(10);
  }, 60_000);

  test('a certificate for another key is refused, the one in use stays', async () => {
    const other = await make('stranger');
    const before = (await command(cache, 'GET', '/certificate')).json.inUse.fingerprint;
    const refused = await command(cache, 'PUT', '/certificate', {
      certificate: await readFile(other.certificate, 'utf8'),
    });
    expect([refused.status, refused.json.error.code]).toEqual([400, 'CACHE_CERTIFICATE_INVALID']);
    expect((await command(cache, 'GET', '/certificate')).json.inUse.fingerprint).toBe(before);
    expect((await curl(portOf(cache), '/tls/EC-P-256', ['--range', '0-9'])).length).toBe(10);
  }, 60_000);

  test('a bad request names every problem', async () => {
    const { status, json } = await command(cache, 'POST', '/certificate/request', {
      ...{ algorithm: 'ROT13', commonName: '', country: 'de' },
      san: { dns: ['10.0.0.1'], ip: ['x'], rid: [] },
    });
    expect(status).toBe(400);
    expect(json.error.problems.map(({ path }: { path: string }) => path).sort()).toEqual([
      'algorithm',
      'commonName',
      'country',
      'san.dns.0',
      'san.ip.0',
      'san.rid',
    ]);
  }, 30_000);

  test('it survives a restart; switched off the port is closed, the history remains', async () => {
    const fingerprint = (await command(cache, 'GET', '/certificate')).json.inUse.fingerprint;
    await cache.node.stop();
    await cache.open();
    expect((await command(cache, 'GET', '/certificate')).json.inUse.fingerprint).toBe(fingerprint);
    const port = portOf(cache);
    const off = await command(cache, 'DELETE', '/certificate');
    expect([off.status, off.json.listening, off.json.inUse]).toEqual([200, null, null]);
    expect(off.json.history).toHaveLength(2);
    expect(off.json.history.every((entry: { removedAtUtc: string | null }) => entry.removedAtUtc !== null)).toBe(true);
    await expect(curl(port, '/tls/EC-P-256')).rejects.toThrow();
  }, 60_000);
});

test("the operator's own files: taken up when they change, refused while they do not match", async () => {
  const first = await make('first');
  const [certificate, key] = [join(folder, 'live.crt'), join(folder, 'live.key')];
  await writeFile(certificate, await readFile(first.certificate));
  await writeFile(key, await readFile(first.key));
  const cache = await TestCache.start(origin, {
    ...{ CACHE_TLS_LISTEN: '127.0.0.1:0', CACHE_TLS_CERTIFICATE_FILE: certificate, CACHE_TLS_KEY_FILE: key },
  });
  const https = cache.node.operate.https;
  expect(https?.facts?.subject).toBe('CN=first');
  const body = origin.add('/tls/own', 200_000);
  expect((await curl(portOf(cache), '/tls/own')).equals(body)).toBe(true);
  const second = await make('second');
  await writeFile(certificate, await readFile(second.certificate));
  await https?.look();
  expect(https?.problem).toContain('is not for the private key');
  expect(https?.facts?.subject).toBe('CN=first');
  expect((await curl(portOf(cache), '/tls/own')).equals(body)).toBe(true);
  await writeFile(key, await readFile(second.key));
  await eventually(async () => {
    await https?.look();
    return https?.facts?.subject === 'CN=second';
  }, 30_000);
  expect(await handshake(portOf(cache), [])).toContain('CN = second');
  expect((await command(cache, 'DELETE', '/certificate')).status).toBe(409);
  await cache.stop();
}, 90_000);
