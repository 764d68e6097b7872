// Act 8: stopped and started again, the node serves what it had.

import { expect, test } from '@jest/globals';
import { ask, TEST_OBJECT } from '../content.ts';
import { containers, originStats } from '../node.ts';
import { start, stop } from '../stack.ts';

export function resume(): void {
  test('npm stop stops everything; npm start resumes with the cached content', async () => {
    const path = `${TEST_OBJECT}&kept=${Date.now()}`;
    await ask(path);
    await stop();
    for (const component of ['daemon', 'module', 'cloud', 'origin'])
      for (const { Names, State } of await containers(component))
        expect([Names[0], State]).toEqual([Names[0], 'exited']);
    await expect(ask(path)).rejects.toThrow();
    await start();
    const before = await originStats();
    expect((await ask(path)).headers['x-cache']).toBe('HIT');
    expect((await originStats()).requests).toBe(before.requests);
  }, 300_000);
}
