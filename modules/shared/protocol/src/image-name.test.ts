import { describe, expect, test } from '@jest/globals';
import { matchRegistryCredential, normalizeImage } from './image-name.ts';

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;

describe('normalizeImage()', () => {
  test.each([
    ['nginx', 'nginx:latest'],
    [' mcr.example/a/b:1.5 ', 'mcr.example/a/b:1.5'],
    ['localhost:5000/a', 'localhost:5000/a:latest'],
    ['localhost:5000/a:b', 'localhost:5000/a:b'],
    [`a/b@${DIGEST}`, `a/b@${DIGEST}`],
    [`a/b:1@${DIGEST}`, `a/b:1@${DIGEST}`],
    ['Upper/Case', 'Upper/Case:latest'],
  ])('%j -> %j', (image, wanted) => {
    expect(normalizeImage(image)).toBe(wanted);
  });

  test('$upstream takes the parent host name', () => {
    expect(normalizeImage('$upstream:8000/azureiotedge-hub', 'parent.example')).toBe(
      'parent.example:8000/azureiotedge-hub:latest',
    );
  });

  test.each([
    ['', 'blank'],
    ['  ', 'blank'],
    ['a b', 'wanted [registry/]name'],
    ['a/', 'wanted [registry/]name'],
    ['/a', 'wanted [registry/]name'],
    ['a:', 'wanted [registry/]name'],
    ['a:b:c', 'wanted [registry/]name'],
    ['a@sha256:1', 'wanted [registry/]name'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the placeholder of a manifest template.
    ['${MODULES.x}', 'check the port is specified'],
    ['$upstream/a', 'check the port is specified'],
    ['$upstream:8000/a', 'no parent hostname'],
    ['x'.repeat(5000), 'at most 4096'],
  ])('refuses %j: %s', (image, why) => {
    expect(() => normalizeImage(image)).toThrow(RangeError);
    expect(() => normalizeImage(image)).toThrow(why);
  });

  test('a hostile name is judged in linear time', () => {
    const started = performance.now();
    expect(() => normalizeImage(`${'a/'.repeat(2000)} x`)).toThrow(RangeError);
    expect(performance.now() - started).toBeLessThan(200);
  });
});

describe('matchRegistryCredential()', () => {
  const credentials = ['a.example', 'localhost:5000', 'docker.io', 'https://B.example/v2/'].map((address) => ({
    id: address,
    username: 'u',
    password: 'p',
    address,
  }));
  test.each([
    ['a.example/x/y:1', 'a.example'],
    ['A.EXAMPLE/x', 'a.example'],
    ['localhost:5000/x', 'localhost:5000'],
    ['team/x', 'docker.io'],
    ['docker.io/team/x', 'docker.io'],
    ['b.example/x', 'https://B.example/v2/'],
    ['x', undefined],
    ['x:1.5', undefined],
    ['evil.a.example/x', undefined],
    ['a.example.evil/x', undefined],
  ])('%j -> %j', (image, id) => {
    expect(matchRegistryCredential(image, credentials)?.id).toBe(id);
  });

  test('the first match wins', () => {
    const two = [
      { id: '1', username: '', password: '', address: 'a.example' },
      { id: '2', username: '', password: '', address: 'a.example' },
    ];
    expect(matchRegistryCredential('a.example/x', two)?.id).toBe('1');
  });
});
