import { expect, test } from '@jest/globals';
import { FakeClock } from '@wayside/kit';
import type { SystemResources } from '@wayside/protocol';
import { quietLogger } from '../../test/quiet-logger.ts';
import { HostSampler, SAMPLE_PERIOD_MS, SAMPLE_RETRY_MS } from './host-figures.ts';

const RESOURCES = { used_cpu: 5, used_ram: 1, total_ram: 2, disks: [] as SystemResources['disks'] } as SystemResources;

test('samples every period, sooner when asked, and after a failure', async () => {
  const clock = new FakeClock();
  let asked = 0;
  let isDown = false;
  const resources = async () => {
    asked += 1;
    if (isDown) throw new Error('down');
    return RESOURCES;
  };
  const sampler = new HostSampler(resources, clock, quietLogger());
  const stop = new AbortController();
  const running = sampler.run(stop.signal, () => undefined);
  await clock.advance(0);
  await clock.advance(SAMPLE_PERIOD_MS - 1);
  expect(asked).toBe(1);
  isDown = true;
  sampler.hurry();
  await clock.advance(0);
  expect(asked).toBe(2);
  isDown = false;
  await clock.advance(SAMPLE_RETRY_MS);
  expect(asked).toBe(3);
  await clock.advance(SAMPLE_PERIOD_MS - 1);
  expect(asked).toBe(3);
  expect(sampler.figures()).toMatchObject({ usedCpuPercent: 5, totalMemoryBytes: 2 });
  stop.abort();
  await running;
});
