import { expect, test } from '@jest/globals';
import { silentLogger } from '@wayside/kit';
import { createBench } from '../../test/node-bench.ts';
import { followPlatform } from './platform-news.ts';

async function eventsOf(tell: (bench: Awaited<ReturnType<typeof createBench>>) => void): Promise<string[]> {
  const bench = await createBench();
  await bench.aNode();
  const { platform, timeline } = bench;
  const stop = followPlatform({ platform, timeline, logger: silentLogger, wake: async () => undefined });
  tell(bench);
  await stop();
  return (await bench.events()).slice(1);
}

test.each([
  ['$edgeAgent', 'alice', 'Deployment 3 set by alice'],
  ['$edgeAgent', 'policy:iothubowner', 'Deployment 3 set by policy:iothubowner'],
  ['$edgeAgent', '', 'Deployment 3 set'],
  ['MCC', 'bob', 'Desired properties of MCC: version 3 set by bob'],
])('desired properties of %s, set by "%s"', async (moduleId, by, text) => {
  const events = await eventsOf(({ platform }) =>
    platform.emit('desired', { deviceId: 'edge1', moduleId, patch: {}, version: 3, atMs: 0, by }),
  );
  expect(events).toEqual([text]);
});
