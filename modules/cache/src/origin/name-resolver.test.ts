import { describe, expect, test } from '@jest/globals';
import { fewAtATime, type NameAnswer, NameResolver } from './name-resolver.ts';

const answer = (address: string, ttlSecs = 60): NameAnswer => ({ addresses: [{ address, family: 4 }], ttlSecs });
const NONE: NameAnswer = { addresses: [], ttlSecs: 0 };

/** Servers that give their answers one after another; an Error means no answer. */
function resolverOf(...scripts: (NameAnswer | Error)[][]) {
  const asked = scripts.map(() => 0);
  const clock = { ms: 0 };
  const servers = scripts.map((script, number) => async () => {
    const next = script[Math.min(asked[number] as number, script.length - 1)] as NameAnswer | Error;
    (asked[number] as number) += 1;
    if (next instanceof Error) throw next;
    return next;
  });
  const resolver = new NameResolver({ servers, nowMs: () => clock.ms });
  const first = async (host = 'a.example') => (await resolver.resolve(host))[0]?.address;
  return { asked, clock, first, resolver };
}

describe('NameResolver', () => {
  test('keeps an answer as long as its TTL, within 1 s and 1 h', async () => {
    const { asked, clock, first } = resolverOf([
      answer('1.1.1.1', 10),
      answer('2.2.2.2', 0),
      answer('3.3.3.3', 99_999),
    ]);
    expect([await first(), await first(), asked[0]]).toEqual(['1.1.1.1', '1.1.1.1', 1]);
    clock.ms = 10_000;
    expect([await first(), await first(), asked[0]]).toEqual(['2.2.2.2', '2.2.2.2', 2]);
    clock.ms = 11_000;
    expect(await first()).toBe('3.3.3.3');
    clock.ms = 11_000 + 3_599_999;
    await first();
    expect(asked[0]).toBe(3);
    clock.ms += 1;
    await first();
    expect(asked[0]).toBe(4);
  });

  test('goes on to the next server, and stays with the one that answered', async () => {
    const { asked, first } = resolverOf([new Error('timeout')], [answer('2.2.2.2', 60)]);
    expect([await first('a.example'), await first('b.example'), await first('c.example')]).toEqual([
      '2.2.2.2',
      '2.2.2.2',
      '2.2.2.2',
    ]);
    expect(asked).toEqual([1, 3]);
  });

  test('"no such name" is an answer: no other server is asked, and it is kept for 5 s', async () => {
    const { asked, clock, first } = resolverOf([NONE], [answer('2.2.2.2')]);
    await expect(first()).rejects.toMatchObject({ code: 'ENOTFOUND' });
    await expect(first()).rejects.toMatchObject({ code: 'ENOTFOUND' });
    expect(asked).toEqual([1, 0]);
    clock.ms = 5000;
    await expect(first()).rejects.toMatchObject({ code: 'ENOTFOUND' });
    expect(asked).toEqual([2, 0]);
  });

  test('an expired answer serves while no server answers, for 6 h', async () => {
    const { asked, clock, first } = resolverOf([answer('1.1.1.1', 10), new Error('SERVFAIL')]);
    await first();
    clock.ms = 10_000;
    expect([await first(), await first(), asked[0]]).toEqual(['1.1.1.1', '1.1.1.1', 2]);
    clock.ms = 15_000;
    expect([await first(), asked[0]]).toEqual(['1.1.1.1', 3]);
    clock.ms = 10_000 + 6 * 3_600_000;
    await expect(first()).rejects.toThrow('SERVFAIL');
  });

  test('one question for all who ask at once', async () => {
    const { asked, resolver } = resolverOf([answer('1.1.1.1')]);
    await Promise.all(Array.from({ length: 20 }, () => resolver.resolve('a.example')));
    expect(asked).toEqual([1]);
  });

  test('fewAtATime() lets two through', async () => {
    let running = 0;
    let most = 0;
    const releases: (() => void)[] = [];
    const ask = fewAtATime(async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise<void>((resolve) => releases.push(resolve));
      running -= 1;
      return NONE;
    });
    const all = ['a', 'b', 'c', 'd'].map((host) => ask(host));
    for (let done = 0; done < 4; ) {
      await Promise.resolve();
      const release = releases.shift();
      if (release === undefined) continue;
      release();
      done += 1;
    }
    await Promise.all(all);
    expect(most).toBe(2);
  });
});
