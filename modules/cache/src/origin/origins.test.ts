import { describe, expect, test } from '@jest/globals';
import { guardedLookup, isPublicAddress } from './address-guard.ts';
import { isHostName, isHostPattern } from './host-pattern.ts';
import { cacheKey, type OriginSettings, OriginTable, upstreamTarget } from './origins.ts';

const table = (custom: OriginSettings[] = [], parent: string | null = null) =>
  new OriginTable({ custom, parent, fallback: null });

describe('host names', () => {
  test.each([
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f000001',
    '0x7f.1',
    '[::1]',
    '::1',
    '',
    '-a.example',
    'a..b',
    'a@b',
    'a b',
    'x'.repeat(64),
  ])('%j is none', (host) => expect(isHostName(host)).toBe(false));
  test.each(['a', 'a.example', 'quickstart-origin', '3com.example', 'a_b.example'])('%j is one', (host) =>
    expect(isHostName(host)).toBe(true),
  );
  test('patterns', () =>
    expect([isHostPattern('*.a.example'), isHostPattern('*'), isHostPattern('a.*.b')]).toEqual([true, false, false]));
});

describe('OriginTable', () => {
  test.each([
    ['dl.delivery.mp.microsoft.com', true],
    ['2.tlu.dl.delivery.mp.microsoft.com', true],
    ['au.download.windowsupdate.com', true],
    ['swdc02-mscdn.manage.microsoft.com', true],
    ['assets1.xboxlive.com', true],
    ['delivery.mp.microsoft.com', false],
    ['evil-download.windowsupdate.com', false],
    ['download.windowsupdate.com.evil.test', false],
    ['evil.test', false],
    ['127.0.0.1', false],
  ])('%s: %p', (host, isServed) => expect(table().resolve(host) !== undefined).toBe(isServed));

  test('desired outranks custom outranks built-in; a removed one is gone', () => {
    const origins = table([{ id: 'c', hosts: ['a.example', 'b.example'], url: 'http://10.0.0.1/' }]);
    origins.setDesired([{ id: 'd', hosts: ['a.example'], url: 'http://quick:8080' }]);
    expect(origins.resolve('a.example')).toMatchObject({
      id: 'd',
      base: 'http://quick:8080',
      host: 'a.example',
      guarded: false,
    });
    expect(origins.resolve('b.example')).toMatchObject({ id: 'c', base: 'http://10.0.0.1' });
    origins.setDesired([]);
    expect(origins.resolve('a.example')).toMatchObject({ id: 'c' });
  });

  test('without a url only public addresses are connected to, on the configured port', () => {
    expect(table([{ id: 'c', hosts: ['a.example'], port: 8080 }]).resolve('a.example')).toMatchObject({
      base: 'http://a.example:8080',
      host: 'a.example:8080',
      guarded: true,
    });
  });

  test('a parent cache is asked with the parameter', () => {
    const origin = table([], 'parent:8081').resolve('download.windowsupdate.com');
    if (origin === undefined) throw new Error('not served');
    expect(origin.base).toBe('http://parent:8081');
    expect(upstreamTarget(origin, '/a?b=1')).toBe('/a?b=1&cacheHostOrigin=download.windowsupdate.com');
    expect(upstreamTarget(origin, '/a')).toBe('/a?cacheHostOrigin=download.windowsupdate.com');
  });

  test('cacheKey() leaves out the ignored parameters only', () => {
    const signed = table().resolve('tlu.dl.delivery.mp.microsoft.com');
    const plain = table().resolve('download.windowsupdate.com');
    if (signed === undefined || plain === undefined) throw new Error('not served');
    expect(cacheKey(signed, '/f?P1=1&v=%2b&P4=x')).toBe('tlu.dl.delivery.mp.microsoft.com/f?v=%2b');
    expect(cacheKey(signed, '/f?P1=1')).toBe('tlu.dl.delivery.mp.microsoft.com/f');
    expect(cacheKey(plain, '/f?P1=1')).toBe('download.windowsupdate.com/f?P1=1');
  });
});

describe('addresses', () => {
  test.each(['8.8.8.8', '20.1.2.3', '2603:1030::1', '2a01::1'])('%s is public', (a) =>
    expect(isPublicAddress(a)).toBe(true),
  );
  test.each([
    '0.0.0.0',
    '10.1.1.1',
    '100.64.0.1',
    '127.0.0.53',
    '169.254.169.254',
    '168.63.129.16',
    '172.31.0.1',
    '192.168.1.1',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::1',
    '::',
    '::ffff:10.0.0.1',
    '::ffff:8.8.8.8',
    'fe80::1',
    'fc00::1',
    'fd00:ec2::254',
    'ff02::1',
    '64:ff9b::a00:1',
    '2001:db8::1',
    '2002:a00:1::',
  ])('%s is not', (a) => expect(isPublicAddress(a)).toBe(false));

  const look = (addresses: { address: string; family: number }[], all: boolean) =>
    new Promise((resolve) => {
      guardedLookup(() => Promise.resolve(addresses))('h.example', { all }, (error, address) =>
        resolve(error?.message ?? address),
      );
    });
  test('guardedLookup() hands out public addresses only', async () => {
    const mixed = [
      { address: '10.0.0.1', family: 4 },
      { address: '8.8.4.4', family: 4 },
    ];
    expect(await look(mixed, true)).toEqual([{ address: '8.8.4.4', family: 4 }]);
    expect(await look(mixed, false)).toBe('8.8.4.4');
    expect(await look([{ address: '169.254.169.254', family: 4 }], true)).toMatch(
      /169\.254\.169\.254, wanted a public address/,
    );
  });
});
