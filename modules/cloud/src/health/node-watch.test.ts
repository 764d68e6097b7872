import { describe, expect, test } from '@jest/globals';
import { silentLogger } from '@wayside/kit';
import type { JsonObject } from '@wayside/protocol';
import { createBench } from '../../test/node-bench.ts';
import { monitorOf } from './monitor.ts';
import { writeSnapshots, writeStatus } from './node-status.ts';
import { NodeWatch } from './node-watch.ts';
import { PROBE_START, type ProbeState } from './probe-verdict.ts';

const UP: ProbeState = {
  verdict: 'up',
  streak: 0,
  fault: null,
  last: { atMs: 0, ok: true, httpStatus: 206, durationMs: 3, error: null },
};

async function createSetup() {
  const bench = await createBench();
  const node = await bench.aNode();
  const setup = { ...bench, node, probe: PROBE_START };
  const watch = new NodeWatch({
    ...{ db: bench.db, platform: bench.platform, clock: bench.clock, timeline: bench.timeline },
    logger: silentLogger,
    heartbeatWindowMs: 60_000,
    findNode: (name) => bench.nodes.find(name),
    probeOf: () => setup.probe,
  });
  const beat = async () => {
    const names = ['edgeAgent', 'edgeHub', 'MCC'];
    const healths = names.map(
      (name) => ({ name, runtimeStatus: 'running', statusDescription: '', restartCount: 0 }) as never,
    );
    const snapshots = new Map(names.map((name, i) => [name, { health: healths[i]!, startsSeen: 1, changedAtMs: 1 }]));
    await writeSnapshots(bench.db, 'edge1', snapshots, []);
    await writeStatus(bench.db, 'edge1', { heartbeatAtMs: bench.clock.nowMs() });
    bench.platform.agentReported = {
      lastDesiredVersion: bench.platform.desiredVersion,
      lastDesiredStatus: { code: 200, description: '' },
    };
  };
  const stateOf = async () => (await watch.look(await bench.nodes.get('edge1'))).judgement.state;
  return { ...bench, setup, watch, beat, stateOf };
}

describe('NodeWatch', () => {
  test('walks a node through its states', async () => {
    const { db, nodes, watch, setup, beat, stateOf, clock, events } = await createSetup();
    const seen = [await stateOf()];
    await watch.wake('edge1');
    await db.updateTable('cache_node').set({ provisioned_ms: clock.nowMs() }).execute();
    await watch.wake('edge1');
    seen.push(await stateOf());
    await beat();
    setup.probe = UP;
    await watch.wake('edge1');
    seen.push(await stateOf());
    await clock.advance(61_000);
    await watch.wake('edge1');
    seen.push(await stateOf());
    await nodes.change('edge1', { isEnabled: false });
    seen.push(await stateOf());
    await nodes.change('edge1', { isEnabled: true, drives: [] });
    seen.push(await stateOf());
    expect(seen).toEqual(['NotProvisioned', 'NeverPhonedHome', 'Healthy', 'Unhealthy', 'Disabled', 'NotConfigured']);
    expect((await events()).filter((text) => text.includes(' -> ')).map((text) => text.split(';')[0])).toEqual([
      'NotProvisioned -> NeverPhonedHome',
      'NeverPhonedHome -> Healthy',
      'Healthy -> Unhealthy',
    ]);
  });

  test('sees silence by itself within seconds, and is quick about nothing else', async () => {
    const { watch, beat, setup, clock, events } = await createSetup();
    await beat();
    setup.probe = UP;
    await watch.wake('edge1');
    const stop = new AbortController();
    const running = watch.run(stop.signal);
    const until = async (check: () => Promise<boolean>) => {
      for (let round = 0; round < 200 && !(await check()); round += 1) await clock.advance(500);
    };
    const lost = async () =>
      (await events()).some((text) => text.startsWith('Healthy -> Unhealthy; No heartbeat for more'));
    await until(lost);
    expect(await lost()).toBe(true);
    stop.abort();
    await running;
  });

  test('a reason keeps the time it began, over a restart of the cloud too', async () => {
    const { watch, clock, nodes } = await createSetup();
    const began = clock.nowMs();
    await watch.wake('edge1');
    await clock.advance(3_600_000);
    const { judgement } = await watch.look(await nodes.get('edge1'));
    expect(judgement.reasons[0]).toMatchObject({ code: 'NotProvisioned', sinceMs: began });
  });

  test('a device with a connection string of its own is not called unprovisioned', async () => {
    const { beat, setup, stateOf } = await createSetup();
    await beat();
    setup.probe = UP;
    expect(await stateOf()).toBe('Healthy');
  });

  test('monitor lists modules of the deployment first, also those the node has not reported', async () => {
    const { db, watch, nodes, beat, setup, platform } = await createSetup();
    await beat();
    setup.probe = UP;
    const content = await platform.getContent('edge1');
    const agent = content.$edgeAgent?.['properties.desired'] as { modules: JsonObject };
    agent.modules.sensor = { status: 'stopped' };
    const monitor = await monitorOf(db, 'edge1', await watch.look(await nodes.get('edge1')), setup.probe);
    expect(monitor.modules.map((m) => [m.name, m.desiredStatus, m.runtimeStatus, m.startsSeen])).toEqual([
      ['edgeAgent', 'running', 'running', 1],
      ['edgeHub', 'running', 'running', 1],
      ['MCC', 'running', 'running', 1],
      ['sensor', 'stopped', 'unknown', 0],
    ]);
    expect(monitor.probe).toEqual({ atUtc: '1970-01-01T00:00:00.000Z', ok: true, httpStatus: 206, ms: 3, error: null });
    expect(monitor.deployment).toMatchObject({ desiredVersion: 2, handledVersion: 2, code: 200 });
  });
});
