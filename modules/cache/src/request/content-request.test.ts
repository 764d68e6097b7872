import { describe, expect, test } from '@jest/globals';
import { parseContentRequest } from './content-request.ts';

describe('parseContentRequest()', () => {
  test.each([
    ['/f?cacheHostOrigin=A.Example', 'cache', 'a.example', '/f'],
    ['/f?P1=1&P4=ab%2bc%3d%3d&cacheHostOrigin=a.example', 'cache', 'a.example', '/f?P1=1&P4=ab%2bc%3d%3d'],
    ['/f?cachehostorigin=a.example&x=1', 'cache', 'a.example', '/f?x=1'],
    ['/f?cacheHostOrigin=first&x=1&cacheHostOrigin=last', 'cache', 'last', '/f?x=1'],
    ['/f?x=%20y&&z', 'Host.Example:8080', 'host.example', '/f?x=%20y&&z'],
    ['/f', 'host.example.', 'host.example', '/f'],
    ['http://target.example:81/f?q', 'other', 'target.example', '/f?q'],
    ['http://target.example', 'other', 'target.example', '/'],
    ['/f?cacheHostOrigin=%E0%A4%A', 'cache', '', '/f'],
    ['/f?cacheHostOrigin', 'cache', '', '/f'],
    ['/f?cacheHostOrigin=[::1]:80', 'cache', '[::1]', '/f'],
    ['/f?cacheHostOrigin=a@b', 'cache', 'a@b', '/f'],
    ['/f#x?cacheHostOrigin=a', 'h', 'h', '/f'],
  ])('%s from Host %s', (url, hostHeader, host, target) => {
    expect(parseContentRequest(url, hostHeader)).toMatchObject({ host, target });
  });

  test('what is no path is refused', () => {
    expect(parseContentRequest('*', 'h')).toBeUndefined();
    expect(parseContentRequest('h:443', 'h')).toBeUndefined();
  });
});
