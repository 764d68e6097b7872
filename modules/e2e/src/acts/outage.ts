// Act 5: the node is cut off from the cloud for a minute, then restarted while still cut off, then reconnected.

import { expect, test } from '@jest/globals';
import { mustRun, until } from '../commands.ts';
import { ask, CDN_HOST, TEST_OBJECT, TEST_OBJECT_BYTES } from '../content.ts';
import { containers, cutCloudOff, docker, monitor, reconnectCloud, untilRunning } from '../node.ts';
import { DAEMON_CONTAINER, SENSOR_MANIFEST } from '../settings.ts';
import { deployObject, readManifest, type SensorMessage, sensorMessages, WITH_SENSOR } from './deployments.ts';

const CUT_SECS = 60;
/** 25 a second: 1500 in the minute. */
const SENSOR_INTERVAL_MS = 40;
const MESSAGES_WHILE_CUT_MIN = 1000;
const LOCAL_START_SECS_MAX = 90;
const CATCH_UP_SECS_MAX = 90;
/** Pause between two requests of the client that keeps asking. */
const ASK_PAUSE_MS = 200;

export function outage(): void {
  let began: Date;
  let cutAt: Date;
  let stoppedAt: Date;

  test('cut off for a minute: content is delivered throughout, cached and new', async () => {
    const manifest = await readManifest(SENSOR_MANIFEST);
    manifest.modulesContent.sensor!['properties.desired'].intervalMs = SENSOR_INTERVAL_MS;
    began = new Date();
    await deployObject(manifest);
    await until('the sensor is fast', 30, async () => {
      const found = await sensorMessages(new Date(Date.now() - 2000));
      return found.length >= 20;
    });
    await cutCloudOff();
    cutAt = new Date();
    const bad: string[] = [];
    let asked = 0;
    await until('a minute is over', CUT_SECS + 30, async () => {
      for (let i = 0; i < 5; i += 1) {
        const hit = await ask(TEST_OBJECT);
        if (hit.status !== 200 || hit.bytes !== TEST_OBJECT_BYTES) bad.push(`hit: ${hit.status}, ${hit.bytes} bytes`);
        asked += 1;
        await new Promise((resolve) => setTimeout(resolve, ASK_PAUSE_MS));
      }
      const fresh = await ask(`/bytes/100000/cut-${asked}-${Date.now()}`, { headers: { host: CDN_HOST } });
      if (fresh.status !== 200 || fresh.bytes !== 100_000) bad.push(`miss: ${fresh.status}, ${fresh.bytes} bytes`);
      return Date.now() - cutAt.getTime() >= CUT_SECS * 1000;
    });
    expect(bad).toEqual([]);
    expect(asked).toBeGreaterThan(100);
  }, 240_000);

  test('restarted while cut off: the modules come up from local state and content is delivered', async () => {
    stoppedAt = new Date();
    const modules = await containers('module');
    await mustRun('docker', ['stop', '-t', '10', DAEMON_CONTAINER, ...modules.map(({ Id }) => Id)]);
    await docker.getContainer(DAEMON_CONTAINER).start();
    await untilRunning(WITH_SENSOR, LOCAL_START_SECS_MAX);
    await until('content', 30, async () => {
      const answer = await ask(TEST_OBJECT);
      return answer.status === 200 && answer.bytes === TEST_OBJECT_BYTES && answer.headers['x-cache'] === 'HIT';
    });
  }, 180_000);

  test('reconnected: every message arrives, none is lost', async () => {
    await reconnectCloud();
    const reconnectedAt = new Date().toISOString();
    const { value: found } = await until('the queue is sent', CATCH_UP_SECS_MAX, async () => {
      const all = await sensorMessages(began);
      return all.some((m) => m.body.atUtc > reconnectedAt) && firstGap(all) === undefined && all;
    });
    const ofCut = found.filter((m) => m.body.atUtc >= cutAt.toISOString() && m.body.atUtc <= stoppedAt.toISOString());
    expect(new Set(ofCut.map((m) => `${m.body.run} ${m.body.sequence}`)).size).toBeGreaterThanOrEqual(
      MESSAGES_WHILE_CUT_MIN,
    );
    // The last message before the stop is there too: the queue was on disk.
    expect(Math.max(...ofCut.map((m) => Date.parse(m.body.atUtc)))).toBeGreaterThan(stoppedAt.getTime() - 2_000);
    expect(firstGap(found)).toBeUndefined();
    await until('the node is healthy again', 60, async () => (await monitor()).state === 'Healthy');
  }, 200_000);
}

/** First sequence that is missing between the first and the last of a run of the sensor. */
function firstGap(messages: readonly SensorMessage[]): string | undefined {
  const runs = new Map<string, Set<number>>();
  for (const { body } of messages) runs.set(body.run, (runs.get(body.run) ?? new Set()).add(body.sequence));
  for (const [run, sequences] of runs) {
    const [first, last] = [Math.min(...sequences), Math.max(...sequences)];
    for (let n = first; n <= last; n += 1) if (!sequences.has(n)) return `${run}: ${n} of ${first} to ${last}`;
  }
  return undefined;
}
