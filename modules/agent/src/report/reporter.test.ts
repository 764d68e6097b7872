import { expect, test } from '@jest/globals';
import { FakeClock } from '@wayside/kit';
import type { JsonObject } from '@wayside/protocol';
import { quietLogger } from '../../test/quiet-logger.ts';
import { Reporter } from './reporter.ts';

class Sink {
  readonly patches: JsonObject[] = [];
  isBroken = false;
  async report(patch: JsonObject): Promise<void> {
    if (this.isBroken) throw new Error('offline');
    this.patches.push(patch);
  }
}
const bench = () => {
  const clock = new FakeClock();
  return { clock, sink: new Sink(), reporter: new Reporter(clock, quietLogger()) };
};

test('sends the difference to what the hub has, null for what went; then nothing', async () => {
  const { clock, sink, reporter } = bench();
  reporter.want({ a: 1, modules: { x: { s: 'running' } } });
  reporter.attach(sink, { a: 1, modules: { y: {} }, $version: 4, $metadata: {} });
  await clock.advance(10_000);
  expect(sink.patches).toEqual([{ modules: { x: { s: 'running' }, y: null } }]);
  reporter.want({ a: 1, modules: { x: { s: 'running' } } });
  await clock.advance(10_000);
  expect(sink.patches).toHaveLength(1);
});

test('several wishes in a short time become one patch a second, the newest counts', async () => {
  const { clock, sink, reporter } = bench();
  reporter.attach(sink, {});
  for (let n = 0; n < 50; n += 1) {
    reporter.want({ n });
    await clock.advance(50);
  }
  await clock.advance(2_000);
  expect(sink.patches.length).toBeLessThanOrEqual(5);
  expect(sink.patches.at(-1)).toEqual({ n: 49 });
});

test('a patch that failed is carried by the next one; a new connection brings its own picture', async () => {
  const { clock, sink, reporter } = bench();
  sink.isBroken = true;
  reporter.attach(sink, {});
  reporter.want({ a: 1 });
  await clock.advance(1_000);
  sink.isBroken = false;
  reporter.want({ a: 1, b: 2 });
  await clock.advance(10_000);
  expect(sink.patches).toEqual([{ a: 1, b: 2 }]);
  const second = new Sink();
  reporter.detach();
  reporter.attach(second, { a: 1 });
  await clock.advance(10_000);
  expect(second.patches).toEqual([{ b: 2 }]);
});

test('flush() sends the last words without waiting for the pause', async () => {
  const { clock, sink, reporter } = bench();
  reporter.attach(sink, {});
  reporter.want({ a: 1 });
  await clock.advance(0);
  await reporter.flush(sink, { a: 2 });
  expect(sink.patches).toEqual([{ a: 1 }, { a: 2 }]);
});
