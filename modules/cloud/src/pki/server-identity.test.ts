import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { ensureServerIdentity, isServerCertificateDue } from './server-identity.ts';

const NOW_MS = Date.now();
const DAY_MS = 86_400_000;
const NAMES = ['wayside-cloud', 'cloud.example', '192.0.2.7', 'localhost', '127.0.0.1'];
const base = await mkdtemp(join(tmpdir(), 'wayside-pki-'));
let folders = 0;
afterAll(() => rm(base, { recursive: true }));

function newFolder(): string {
  folders += 1;
  return join(base, String(folders));
}

describe('ensureServerIdentity()', () => {
  test('makes a CA and a server certificate for every name', async () => {
    const identity = await ensureServerIdentity(newFolder(), NAMES, NOW_MS);
    const ca = new X509Certificate(identity.authority);
    const server = new X509Certificate(identity.chain);
    expect(ca.ca).toBe(true);
    expect(server.ca).toBe(false);
    expect(server.verify(ca.publicKey)).toBe(true);
    expect(server.checkIssued(ca)).toBe(true);
    expect(server.publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
    for (const name of ['wayside-cloud', 'cloud.example', 'localhost']) expect(server.checkHost(name)).toBe(name);
    for (const address of ['192.0.2.7', '127.0.0.1']) expect(server.checkIP(address)).toBe(address);
    expect(server.checkHost('other.example')).toBeUndefined();
    expect(Date.parse(ca.validTo) - NOW_MS).toBeGreaterThan(19 * 365 * DAY_MS);
  });

  test('keeps keys to their owner and finds all of it again', async () => {
    const folder = newFolder();
    const first = await ensureServerIdentity(folder, NAMES, NOW_MS);
    for (const file of ['ca-key.pem', 'server-key.pem']) {
      expect((await stat(join(folder, file))).mode & 0o777).toBe(0o600);
    }
    const second = await ensureServerIdentity(folder, NAMES, NOW_MS + DAY_MS);
    expect(second).toEqual({ ...first, isNew: false });
  });

  test('new names and a nearing end make a new certificate over the same key: pins and CA hold', async () => {
    const folder = newFolder();
    const first = await ensureServerIdentity(folder, NAMES, NOW_MS);
    const renamed = await ensureServerIdentity(folder, [...NAMES, 'new.example'], NOW_MS);
    expect([renamed.isNew, renamed.pin, renamed.authority]).toEqual([true, first.pin, first.authority]);
    expect(new X509Certificate(renamed.chain).checkHost('new.example')).toBe('new.example');
    const later = await ensureServerIdentity(folder, [...NAMES, 'new.example'], NOW_MS + 300 * DAY_MS);
    expect([later.isNew, later.pin]).toEqual([true, first.pin]);
    expect(later.notAfterMs).toBeGreaterThan(renamed.notAfterMs);
  });

  test('a certificate of another CA is replaced', async () => {
    const folder = newFolder();
    await ensureServerIdentity(folder, NAMES, NOW_MS);
    const foreign = await ensureServerIdentity(newFolder(), NAMES, NOW_MS);
    await writeFile(join(folder, 'server.pem'), foreign.chain);
    const identity = await ensureServerIdentity(folder, NAMES, NOW_MS);
    expect(new X509Certificate(identity.chain).checkIssued(new X509Certificate(identity.authority))).toBe(true);
  });

  test('a CA without its key, or damaged, is an error and stays as it is', async () => {
    const folder = newFolder();
    await ensureServerIdentity(folder, NAMES, NOW_MS);
    const before = await readFile(join(folder, 'ca.pem'), 'utf8');
    await rm(join(folder, 'ca-key.pem'));
    await expect(ensureServerIdentity(folder, NAMES, NOW_MS)).rejects.toMatchObject({ code: 'CLOUD_PKI_FAILED' });
    expect(await readFile(join(folder, 'ca.pem'), 'utf8')).toBe(before);
    await writeFile(join(folder, 'ca-key.pem'), 'rubbish');
    await expect(ensureServerIdentity(folder, [...NAMES, 'x'], NOW_MS)).rejects.toMatchObject({
      code: 'CLOUD_PKI_FAILED',
    });
  });
});

describe('isServerCertificateDue()', () => {
  const certificate = { names: ['a', 'b'], notBeforeMs: 0, notAfterMs: 300 };

  test.each([
    [['a', 'b'], 199, false],
    [['b', 'a'], 0, false],
    [['a', 'b'], 201, true],
    [['a'], 0, true],
    [['a', 'c'], 0, true],
  ])('names %j at %d: %s', (names, nowMs, wanted) => {
    expect(isServerCertificateDue(certificate, names, nowMs)).toBe(wanted);
  });
});
