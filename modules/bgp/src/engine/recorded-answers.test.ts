// The readers of BIRD's answers on output recorded from BIRD 2.0.12, byte for byte, cut at every place a socket may cut it.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { attributesAt, prefixAt, type RouteTable } from '../routes/route-table.ts';
import { RouteTableBuilder } from '../routes/route-table-builder.ts';
import { ReplyReader } from './control-reply.ts';
import { parseProtocols } from './protocol-status.ts';
import { RouteLines } from './route-lines.ts';

const recorded = (name: string) => readFileSync(new URL(`../../test/recorded/${name}.txt`, import.meta.url), 'latin1');

function textsOf(answer: string): string[] {
  const texts: string[] = [];
  new ReplyReader((line, at) => texts.push(line.slice(at))).push(answer);
  return texts;
}

function readRoutes(pieces: readonly string[]): { table: RouteTable; reader: ReplyReader } {
  const builder = new RouteTableBuilder(4);
  const lines = new RouteLines(builder);
  const reader = new ReplyReader((line, at) => lines.push(line, at));
  for (const piece of pieces) reader.push(piece);
  lines.end();
  return { table: builder.build(), reader };
}

describe('show protocols all', () => {
  test('three sessions: one up, one refused for its ASN, one waiting', () => {
    expect(parseProtocols(textsOf(recorded('protocols')))).toEqual([
      {
        name: 's_r4',
        state: 'up',
        since: '2026-11-22 23:31:12',
        bgpState: 'Established',
        lastError: '',
        imported: 2,
        filtered: 2,
        activity: ' 4 0 2 0 2 0 0 --- 2 0',
      },
      expect.objectContaining({ name: 's_r6', bgpState: 'Passive', lastError: 'BGP Error: Bad peer AS', imported: 0 }),
      expect.objectContaining({ name: 's_full', bgpState: 'Idle', lastError: '', activity: '' }),
    ]);
  });

  test('a session shut by its limit', () => {
    const [status] = parseProtocols(textsOf(recorded('limit')));
    expect(status).toMatchObject({
      bgpState: 'Down',
      state: 'down',
      lastError: 'Automatic shutdown: Route limit exceeded',
    });
  });

  test('lines in front of the first session belong to none', () => {
    expect(
      parseProtocols(['  BGP state:          Established', 'device1    Device     ---        up     x  ']),
    ).toEqual([]);
  });
});

describe('show route all', () => {
  test('prefixes with path and MED, also where the path is empty', () => {
    const { table } = readRoutes([recorded('routes')]);
    expect([0, 1].map((row) => [prefixAt(table, row), attributesAt(table, row)])).toEqual([
      ['20.1.0.0/16', { asPath: '', med: 7 }],
      ['20.2.0.0/16', { asPath: '64998 64999', med: 7 }],
    ]);
  });

  test('is read the same wherever it is cut', () => {
    const text = recorded('routes');
    for (let at = 1; at < text.length; at += 1) {
      const { table, reader } = readRoutes([text.slice(0, at), text.slice(at)]);
      expect(table.size).toBe(2);
      expect(reader.end).toEqual({ code: 0, text: '' });
    }
  });

  test('an empty table is an empty table', () => {
    expect(readRoutes(['0001 BIRD 2.0.12 ready.\n0000 \n']).table.size).toBe(0);
  });
});

describe('ReplyReader', () => {
  test('the greeting is no part of the answer', () => {
    const reader = new ReplyReader(() => {});
    reader.push('0001 BIRD 2.0.12 ready.\n');
    expect(reader.greeting).toEqual({ code: 1, text: 'BIRD 2.0.12 ready.' });
    expect(reader.end).toBeUndefined();
    reader.push('9001 syntax error\n');
    expect(reader.end).toEqual({ code: 9001, text: 'syntax error' });
  });

  test('unasked lines are left out', () => {
    expect(textsOf('0001 x\n+ a log line\n1000-one\n two\n+another\n0000 end\n')).toEqual(['one', 'two', 'end']);
  });

  test.each(['HTTP/1.1 400 Bad Request\n', 'abc\n', '12-4 text\n', 'x'.repeat(70_000)])(
    'refuses what is another protocol',
    (text) => {
      expect(() => textsOf(`0001 x\n${text}`)).toThrow(expect.objectContaining({ code: 'BGP_REPLY_INVALID' }));
    },
  );

  test('refuses lines behind the end', () => {
    expect(() => textsOf('0001 x\n0000 \n0000 \n')).toThrow(expect.objectContaining({ code: 'BGP_REPLY_INVALID' }));
  });
});
