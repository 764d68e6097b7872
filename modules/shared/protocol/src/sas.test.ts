import { createHmac } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import {
  createSasToken,
  parseConnectionString,
  parseSasToken,
  sasResourceCovers,
  sasStringToSign,
  verifySasSignature,
} from './sas.ts';

const KEY = Buffer.from('a device key of thirty-two bytes').toString('base64');
const OTHER_KEY = Buffer.from('another key').toString('base64');

/** Signs independently of the code under test. */
function sign(srRaw: string, se: number): string {
  return encodeURIComponent(
    createHmac('sha256', Buffer.from(KEY, 'base64')).update(`${srRaw}\n${se}`).digest('base64'),
  );
}

describe('parseSasToken()', () => {
  test('reads what createSasToken() writes', () => {
    const text = createSasToken({
      resource: 'hub.example/devices/d$1',
      keyBase64: KEY,
      expiresAtSecs: 1_800_000_000,
      skn: 'service',
    });
    const token = parseSasToken(text);
    expect(token).toMatchObject({ resource: 'hub.example/devices/d$1', se: 1_800_000_000, skn: 'service' });
    expect(verifySasSignature(token!, KEY)).toBe(true);
    expect(verifySasSignature(token!, OTHER_KEY)).toBe(false);
  });

  test('fits a known vector', () => {
    const text = createSasToken({
      resource: 'myhub.azure-devices.net/devices/d1',
      keyBase64: 'MDEyMzQ1Njc4OWFiY2RlZg==',
      expiresAtSecs: 1600000000,
    });
    const wanted = createHmac('sha256', '0123456789abcdef')
      .update('myhub.azure-devices.net%2Fdevices%2Fd1\n1600000000')
      .digest('base64');
    expect(text).toBe(
      `SharedAccessSignature sr=myhub.azure-devices.net%2Fdevices%2Fd1&sig=${encodeURIComponent(wanted)}&se=1600000000`,
    );
  });

  test.each([
    [
      'fields in another order',
      `SharedAccessSignature se=1700000000&skn=owner&sig=${sign('localhost', 1700000000)}&sr=localhost`,
    ],
    ['sr not encoded', `SharedAccessSignature sr=h/devices/d&sig=${sign('h/devices/d', 1700000000)}&se=1700000000`],
    [
      'sr in lower-case encoding',
      `SharedAccessSignature sr=h%2fdevices%2fd&sig=${sign('h%2fdevices%2fd', 1700000000)}&se=1700000000`,
    ],
    ['an empty skn', `SharedAccessSignature sr=h&sig=${sign('h', 1700000000)}&se=1700000000&skn=`],
  ])('verifies over the raw sr: %s', (_name, text) => {
    const token = parseSasToken(text);
    expect(token).toBeDefined();
    expect(verifySasSignature(token!, KEY)).toBe(true);
  });

  test.each([
    ['', 'empty'],
    ['Bearer x', 'another scheme'],
    ['SharedAccessSignature sr=a&sig=YQ==', 'no se'],
    ['SharedAccessSignature sr=&sig=YQ%3D%3D&se=1', 'empty sr'],
    ['SharedAccessSignature sr=a&sig=YQ%3D%3D&se=1e9', 'se no digits'],
    ['SharedAccessSignature sr=a&sig=YQ%3D%3D&se=-1', 'negative se'],
    ['SharedAccessSignature sr=a&sr=b&sig=YQ%3D%3D&se=1', 'sr twice'],
    ['SharedAccessSignature sr=%zz&sig=YQ%3D%3D&se=1', 'bad encoding'],
    ['SharedAccessSignature sr=a&sig=%F0&se=1', 'bad signature encoding'],
    [`SharedAccessSignature sr=${'a'.repeat(5000)}&sig=YQ%3D%3D&se=1`, 'too long'],
  ])('refuses %j (%s)', (text) => {
    expect(parseSasToken(text)).toBeUndefined();
  });

  test('a changed expiry or resource breaks the signature', () => {
    const text = createSasToken({ resource: 'h/devices/d', keyBase64: KEY, expiresAtSecs: 1700000000 });
    for (const forged of [text.replace('1700000000', '1800000000'), text.replace('devices%2Fd', 'devices%2Fe')]) {
      expect(forged).not.toBe(text);
      expect(verifySasSignature(parseSasToken(forged)!, KEY)).toBe(false);
    }
  });

  test('an empty key verifies nothing, not even a signature made with it', () => {
    const sig = encodeURIComponent(createHmac('sha256', '').update('h\n1').digest('base64'));
    const token = parseSasToken(`SharedAccessSignature sr=h&sig=${sig}&se=1`);
    expect(verifySasSignature(token!, '')).toBe(false);
    expect(() => createSasToken({ resource: 'h', keyBase64: '', expiresAtSecs: 1 })).toThrow(RangeError);
  });

  test('a signature of another length is false, not an exception', () => {
    expect(verifySasSignature(parseSasToken('SharedAccessSignature sr=h&sig=YQ%3D%3D&se=1')!, KEY)).toBe(false);
  });
});

test('sasStringToSign() encodes the resource and wants whole seconds', () => {
  expect(sasStringToSign('h/devices/d', 5)).toBe('h%2Fdevices%2Fd\n5');
  expect(() => sasStringToSign('h', 1.5)).toThrow('wanted whole UNIX seconds');
});

test.each([
  ['h', 'h/devices/d', true],
  ['H.Example', 'h.example/devices/d/modules/m', true],
  ['h/devices/d', 'h/devices/d/modules/m', true],
  ['h/devices/d/', 'h/devices/d', true],
  ['h/devices/d', 'h/devices/d', true],
  ['h/devices/d', 'h/devices/d2', false],
  ['h/devices/d', 'h/devices/D', false],
  ['h/devices/d/modules/m', 'h/devices/d', false],
  ['h2', 'h', false],
  ['', 'h', false],
  ['h/dev', 'h/devices', false],
])('sasResourceCovers(%j, %j) is %j', (resource, target, covers) => {
  expect(sasResourceCovers(resource, target)).toBe(covers);
});

describe('parseConnectionString()', () => {
  test('reads a module with a gateway', () => {
    expect(
      parseConnectionString(
        `HostName=h.example;DeviceId=d;ModuleId=$edgeAgent;SharedAccessKey=${KEY};GatewayHostName=gw;`,
      ),
    ).toEqual({
      hostName: 'h.example',
      deviceId: 'd',
      moduleId: '$edgeAgent',
      sharedAccessKey: KEY,
      gatewayHostName: 'gw',
    });
  });

  test('reads a service policy', () => {
    expect(parseConnectionString(`HostName=h;SharedAccessKeyName=iothubowner;SharedAccessKey=${KEY}`)).toEqual({
      hostName: 'h',
      sharedAccessKeyName: 'iothubowner',
      sharedAccessKey: KEY,
    });
  });

  test.each([
    ['', 'malformed'],
    ['HostName', 'malformed'],
    ['HostName=a;HostName=b', 'malformed'],
    [`DeviceId=d;SharedAccessKey=${KEY}`, 'HostName is missing'],
    [`HostName=h;SharedAccessKey=${KEY}`, 'DeviceId (or SharedAccessKeyName) is missing'],
    ['HostName=h;DeviceId=d', 'SharedAccessKey is missing'],
    ['HostName=h;DeviceId=d;SharedAccessKey=not base64!', 'SharedAccessKey is not base64'],
    [`HostName=h;SharedAccessKeyName=p;ModuleId=m;SharedAccessKey=${KEY}`, 'ModuleId without DeviceId'],
  ])('refuses %j: %s', (text, message) => {
    expect(() => parseConnectionString(text)).toThrow(message);
  });

  test('never quotes the key', () => {
    expect.assertions(1);
    try {
      parseConnectionString('HostName=h;SharedAccessKey=c2VjcmV0;SharedAccessKey=x');
    } catch (error) {
      expect(String(error)).not.toContain('c2VjcmV0');
    }
  });
});
