import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FakeClock, silentLogger } from '@wayside/kit';
import { caAction, EdgeCa, type EdgeCaSettings } from './edge-ca.ts';
import { dnsLabel, ModuleCertificates } from './module-certificates.ts';
import { newKeyPem } from './x509.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const SETTINGS: EdgeCaSettings = { lifeDays: 100, renewAtShare: 0.8, rotateKey: false };

let directory: string;
let clock: FakeClock;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wayside-ca-'));
  clock = new FakeClock(Date.now());
});
afterEach(() => rm(directory, { recursive: true }));

const open = (settings: Partial<EdgeCaSettings> = {}) =>
  EdgeCa.open({
    file: join(directory, 'edge-ca.json'),
    hostname: 'node1',
    settings: { ...SETTINGS, ...settings },
    clock,
    log: silentLogger,
  });

const certificatesOf = (ca: EdgeCa, furtherRootsPem: string[] = []) =>
  new ModuleCertificates({ ca, clock, furtherRootsPem, iothubHostname: 'hub.example', deviceId: 'node1' });

describe('caAction()', () => {
  const life = { notBefore: new Date(1000), notAfter: new Date(2000) };
  test.each([
    [999, 'renew'],
    [1000, 'keep'],
    [1799, 'keep'],
    [1800, 'renew'],
    [5000, 'renew'],
  ] as const)('at %d says %s', (now, wanted) => expect(caAction(life, now, 0.8)).toBe(wanted));
});

describe('EdgeCa', () => {
  test('is made once, kept in a 0600 file, the same after a restart', async () => {
    const first = await open();
    const second = await open();
    expect(second.rootsPem).toBe(first.rootsPem);
    expect(new X509Certificate(first.rootsPem).ca).toBe(true);
    expect((await stat(join(directory, 'edge-ca.json'))).mode & 0o777).toBe(0o600);
  });

  test('renews with the same key and name, so that leafs from before still verify', async () => {
    const ca = await open();
    const leaf = await certificatesOf(ca).server(
      '$edgeHub',
      'node1',
      new Date(clock.nowMs() + 90 * DAY_MS).toISOString(),
    );
    const before = new X509Certificate(ca.rootsPem);
    clock.jump(85 * DAY_MS);
    expect(await ca.renewIfDue()).toBe(true);
    const after = new X509Certificate(ca.rootsPem);
    expect(after.serialNumber).not.toBe(before.serialNumber);
    expect(after.subject).toBe(before.subject);
    expect(new X509Certificate(leaf.certificate).verify(after.publicKey)).toBe(true);
    expect(await ca.renewIfDue()).toBe(false);
  });

  test('is made anew with the same key when the clock was wrong at first', async () => {
    clock.jump(-30 * 365 * DAY_MS);
    const early = await open();
    clock.jump(30 * 365 * DAY_MS);
    const now = await open();
    const [a, b] = [new X509Certificate(early.rootsPem), new X509Certificate(now.rootsPem)];
    expect(b.publicKey.equals(a.publicKey)).toBe(true);
    expect(Date.parse(b.validTo)).toBeGreaterThan(clock.nowMs());
  });

  test('keeps the old root in the bundle when the key is rotated', async () => {
    const ca = await open({ rotateKey: true });
    const old = ca.rootsPem;
    clock.jump(85 * DAY_MS);
    await ca.renewIfDue();
    expect(ca.rootsPem).toContain(old.trim());
    expect(ca.rootsPem.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    expect((await open({ rotateKey: true })).rootsPem).toBe(ca.rootsPem);
  });

  test('refuses a damaged file and a pair that does not belong together', async () => {
    const ca = await open();
    await expect(open({ certPem: ca.material.certPem, keyPem: await newKeyPem() })).rejects.toMatchObject({
      code: 'DAEMON_CERTIFICATE_INVALID',
    });
    const own = await open({ certPem: ca.material.certPem, keyPem: ca.material.keyPem });
    expect(own.rootsPem).toBe(ca.rootsPem);
    const leaf = await certificatesOf(ca).server('x', 'x', new Date(clock.nowMs() + DAY_MS).toISOString());
    await expect(open({ certPem: leaf.certificate, keyPem: leaf.privateKey.bytes })).rejects.toThrow(
      /no CA certificate/,
    );
  });
});

describe('ModuleCertificates', () => {
  test('server certificate chains to the CA and carries common name and module name', async () => {
    const ca = await open();
    const wanted = new Date(Math.floor(clock.nowMs() / 1000) * 1000 + 30 * DAY_MS);
    const answer = await certificatesOf(ca).server('$edgeHub', 'node1', wanted.toISOString());
    const leaf = new X509Certificate(answer.certificate);
    expect(leaf.subjectAltName).toBe('DNS:node1, DNS:edgehub');
    expect(leaf.verify(new X509Certificate(ca.rootsPem).publicKey)).toBe(true);
    expect(leaf.checkIssued(new X509Certificate(ca.rootsPem))).toBe(true);
    expect(Date.parse(leaf.validTo)).toBe(wanted.getTime());
    expect(answer.expiration).toBe(wanted.toISOString());
    expect(answer.certificate.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    expect(answer.privateKey.bytes).toContain('BEGIN PRIVATE KEY');
  });

  test('an address as common name becomes an IP name; no leaf outlives the CA', async () => {
    const ca = await open();
    const answer = await certificatesOf(ca).server('m', '10.1.2.3', '2999-01-01T00:00:00Z');
    expect(new X509Certificate(answer.certificate).subjectAltName).toBe('IP Address:10.1.2.3, DNS:m');
    expect(Date.parse(answer.expiration)).toBe(ca.notAfter.getTime());
  });

  test('identity certificate names hub, device and module', async () => {
    const answer = await certificatesOf(await open()).identity('$edgeHub', undefined);
    const leaf = new X509Certificate(answer.certificate);
    expect(leaf.subjectAltName).toBe('URI:azureiot://hub.example/devices/node1/modules/%24edgeHub');
    expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
  });

  test.each(['', 'a b', '-a', 'a'.repeat(65), 'x\n'])('refuses the common name %j', async (name) => {
    const ca = await open();
    const ask = async () => certificatesOf(ca).server('m', name, '2999-01-01T00:00:00Z');
    await expect(ask()).rejects.toMatchObject({ code: 'DAEMON_REQUEST_INVALID' });
  });

  test.each(['soon', '2001-01-01T00:00:00Z'])('refuses the expiration %s', async (expiration) => {
    const ca = await open();
    await expect(certificatesOf(ca).server('m', 'm', expiration)).rejects.toMatchObject({
      code: 'DAEMON_REQUEST_INVALID',
    });
  });

  test('trust bundle is the Edge CA and the further roots', async () => {
    const ca = await open();
    const bundle = certificatesOf(ca, ['-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----']).trustBundle();
    expect(bundle.startsWith(ca.rootsPem)).toBe(true);
    expect(bundle.endsWith('x\n-----END CERTIFICATE-----\n')).toBe(true);
  });
});

test.each([
  ['$edgeHub', 'edgehub'],
  ['My_Module.1', 'mymodule1'],
  ['---', ''],
  ['-a-', 'a'],
])('dnsLabel(%s) is %s', (id, label) => expect(dnsLabel(id)).toBe(label));

test('the CA file holds the key only once and no world can read it', async () => {
  await open();
  const text = await readFile(join(directory, 'edge-ca.json'), 'utf8');
  expect(text.match(/BEGIN PRIVATE KEY/g)).toHaveLength(1);
});
