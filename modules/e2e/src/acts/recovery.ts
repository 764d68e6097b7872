// Act 4: things die and come back; each is seen from afar with times and counts. The sensor is deployed.

import { kill } from 'node:process';
import { expect, test } from '@jest/globals';
import { mustRun, until } from '../commands.ts';
import { ask, TEST_OBJECT } from '../content.ts';
import { docker, listed, monitor, monitoredModule, startedAt, untilRunning } from '../node.ts';
import { containerOf, DAEMON_CONTAINER } from '../settings.ts';
import { sensorMessages, WITH_SENSOR } from './deployments.ts';

const MCC_BACK_SECS_MAX = 30;
const AGENT_BACK_SECS_MAX = 60;
/** A change reaches the cloud with the next health message. */
const SEEN_SECS_MAX = 45;

export function recovery(): void {
  test('the process of MCC is killed: back within 30 s, counted in monitor', async () => {
    const [before, seenBefore] = [await startedAt('MCC'), await monitoredModule('MCC')];
    const killedAt = new Date().toISOString();
    kill((await docker.getContainer(containerOf('MCC')).inspect()).State.Pid, 'SIGKILL');
    const { seconds } = await until('MCC runs again and delivers', MCC_BACK_SECS_MAX, async () => {
      const { State } = await docker.getContainer(containerOf('MCC')).inspect();
      return State.Running && State.StartedAt !== before && (await ask(TEST_OBJECT)).status === 200;
    });
    expect(seconds).toBeLessThan(MCC_BACK_SECS_MAX);
    const { value: seen } = await until('monitor shows the restart', SEEN_SECS_MAX, async () => {
      const module = await monitoredModule('MCC');
      return (
        module !== undefined &&
        module.runtimeStatus === 'running' &&
        module.restartCount > (seenBefore?.restartCount ?? 0) &&
        module
      );
    });
    expect(seen.startsSeen).toBeGreaterThan(seenBefore?.startsSeen ?? 0);
    expect(seen.lastChangeUtc! > killedAt).toBe(true);
    expect(seen.lastExitTimeUtc! >= killedAt).toBe(true);
  }, 120_000);

  test('the container of edgeAgent is removed: back within 60 s, seen in monitor; no other module restarts', async () => {
    const others = ['MCC', 'edgeHub', 'sensor'];
    const before = await Promise.all(others.map(startedAt));
    const seenBefore = await monitoredModule('edgeAgent');
    const removedAt = new Date().toISOString();
    await docker.getContainer(containerOf('edgeAgent')).remove({ force: true });
    const { seconds } = await untilRunning(WITH_SENSOR, AGENT_BACK_SECS_MAX);
    expect(seconds).toBeLessThan(AGENT_BACK_SECS_MAX);
    const { value: seen } = await until('monitor shows the new edgeAgent', SEEN_SECS_MAX, async () => {
      const module = await monitoredModule('edgeAgent');
      return module !== undefined && (module.lastStartTimeUtc ?? '') > removedAt && module;
    });
    expect(seen.startsSeen).toBeGreaterThan(seenBefore?.startsSeen ?? 0);
    expect(await Promise.all(others.map(startedAt))).toEqual(before);
  }, 150_000);

  test('the daemon restarts: no module stops, messages go on, counted in monitor', async () => {
    const [before, seenBefore] = [await Promise.all(WITH_SENSOR.map(startedAt)), (await monitor()).daemon];
    const stoppedAt = new Date().toISOString();
    await mustRun('docker', ['restart', DAEMON_CONTAINER]);
    await until(
      'the daemon answers',
      AGENT_BACK_SECS_MAX,
      async () => Object.keys(await listed()).length === WITH_SENSOR.length,
    );
    const restartedAt = new Date();
    await until(
      'messages after the restart',
      SEEN_SECS_MAX,
      async () => (await sensorMessages(restartedAt)).length >= 3,
    );
    const { value: seen } = await until('monitor shows the new start of the daemon', SEEN_SECS_MAX, async () => {
      const { daemon } = await monitor();
      return daemon !== null && daemon.startsSeen > (seenBefore?.startsSeen ?? 0) && daemon;
    });
    expect(seen.startTimeUtc > stoppedAt).toBe(true);
    expect(await Promise.all(WITH_SENSOR.map(startedAt))).toEqual(before);
    for (const status of Object.values(await listed())) expect(status).toBe('running');
  }, 150_000);
}
