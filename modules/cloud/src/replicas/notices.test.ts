import { describe, expect, test } from '@jest/globals';
import { noticePayloads, readNotice } from './notices.ts';

describe('notices', () => {
  test('all ids arrive, in payloads that PostgreSQL takes', () => {
    const ids = Array.from({ length: 5_000 }, (_, n) => `edge-${'ä'.repeat(n % 90)}-${n}`);
    const payloads = noticePayloads(7, 'prefixes', ids);
    expect(Math.max(...payloads.map((payload) => Buffer.byteLength(payload)))).toBeLessThan(8_000);
    const read = payloads.map((payload) => readNotice(payload)!);
    expect(read.flatMap((notice) => notice.ids)).toEqual(ids);
    expect(new Set(read.map(({ from, topic }) => `${from} ${topic}`))).toEqual(new Set(['7 prefixes']));
  });

  test.each(['', 'no json', '{}', '{"from":"1","topic":"call","ids":[]}', '{"from":1,"topic":"call"}', 'null'])(
    'what is no notice is none: %s',
    (payload) => {
      expect(readNotice(payload)).toBeUndefined();
    },
  );
});
