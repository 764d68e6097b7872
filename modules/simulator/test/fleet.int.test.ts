// Twenty simulated nodes against a cloud process: what an operator sees of them.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { silentLogger, systemClock } from '@wayside/kit';
import { CloudProcess, freePort } from '../bench/cloud-process.ts';
import { deployToAll, isUp, readBack, until } from '../bench/fleet-phases.ts';
import { loadSimulatorConfig } from '../src/config.ts';
import { Fleet } from '../src/fleet/fleet.ts';

jest.setTimeout(240_000);

const NODES = 20;
const stateDir = mkdtempSync(join(tmpdir(), 'wayside-simulator-'));
let cloud: CloudProcess;
let fleet: Fleet;

function newFleet(...options: string[]): Promise<Fleet> {
  const { httpsPort } = cloud.place;
  const argv = ['--cloud', `https://localhost:${httpsPort}`, '--cloud-dir', stateDir, '--nodes', String(NODES)];
  const more = [
    '--apply-secs',
    '0.2',
    '--report-secs',
    '2',
    '--bgp-share',
    '0.2',
    '--state',
    join(stateDir, 'seats.json'),
  ];
  const config = loadSimulatorConfig([...argv, ...more, ...options], {});
  return Fleet.create(config, { clock: systemClock, logger: silentLogger });
}

beforeAll(async () => {
  const place = { stateDir, httpsPort: await freePort(), mqttPort: await freePort(), databaseUrl: undefined };
  cloud = await CloudProcess.start(place);
  fleet = await newFleet();
  fleet.start();
}, 120_000);
afterAll(async () => {
  await fleet?.stop(false);
  await cloud?.end('SIGTERM');
  rmSync(stateDir, { recursive: true });
});

async function states(): Promise<{ [state: string]: number }> {
  const byState = Map.groupBy(await fleet.operator.nodes(), ({ state }) => state);
  return Object.fromEntries([...byState].map(([state, nodes]) => [state, nodes.length]));
}

describe('twenty simulated nodes', () => {
  test('all become Healthy by heartbeat, modules and data port', async () => {
    await until('all are up', () => isUp(fleet));
    await until('all are Healthy', async () => (await states()).Healthy === NODES);
    expect(fleet.figures.connections).toBeGreaterThanOrEqual(3 * NODES);
    expect(fleet.figures.lastFault).toBe('');
  });

  test('the cloud has their figures, in the charts too', async () => {
    await until('reports came', () => fleet.figures.messagesAcked > 4 * NODES);
    const name = fleet.nodes[0]?.name;
    await until('the monitor tells of traffic', async () => {
      const monitor = await fleet.operator.get<{ cache: { egressMbps: number } | null }>(`/nodes/${name}/monitor`);
      return (monitor.cache?.egressMbps ?? 0) > 0;
    });
    const traffic = await fleet.operator.get<{ points: { label: string; hitBytes: number }[] }>(
      '/traffic?range=1h&by=contentClass',
    );
    expect(new Set(traffic.points.map(({ label }) => label))).toContain('windowsUpdate');
  });

  test('one deployment reaches all: informed, applied, reported, healthy again', async () => {
    const rollout = await deployToAll(fleet);
    expect(rollout.calls).toBe(NODES);
    expect(rollout.lastReported).toBeGreaterThanOrEqual(rollout.firstInformed);
    expect(fleet.nodes.every((node) => node.agent.state.lastDesired.code === 200)).toBe(true);
    await until('all are Healthy', async () => (await states()).Healthy === NODES);
    const name = fleet.nodes[0]?.name;
    const monitor = await fleet.operator.get<{ deployment: { desiredVersion: number; handledVersion: number } }>(
      `/nodes/${name}/monitor`,
    );
    expect(monitor.deployment.handledVersion).toBe(monitor.deployment.desiredVersion);
  });

  test('logs come from the node by a direct method', async () => {
    const node = fleet.nodes[1]!;
    const calls = fleet.figures.methodCalls;
    await fleet.operator.get(`/nodes/${node.name}/modules/MCC/logs?tail=3`);
    expect(fleet.figures.methodCalls).toBe(calls + 1);
  });

  test('a killed cloud has lost nothing that it acknowledged, and all come back', async () => {
    await cloud.end('SIGKILL');
    cloud = await CloudProcess.start(cloud.place);
    await until('all are back', () => isUp(fleet));
    const acked = fleet.figures.messagesAcked;
    await until('messages go on', () => fleet.figures.messagesAcked > acked + NODES);
    const kept = await readBack(fleet);
    expect(kept.acked).toBeGreaterThan(0);
    expect(kept.lost).toEqual([]);
  });

  test('keys from the state file serve another fleet; a node whose line breaks comes back with all its connections', async () => {
    await fleet.stop(false);
    fleet = await newFleet('--nodes', '3');
    fleet.start();
    await until('the three are up', () => isUp(fleet));
    fleet.nodes[0]?.cut();
    await until('the loss is counted', () => fleet.figures.lostConnections >= 3);
    await until('it is back', () => isUp(fleet));
    expect(fleet.figures.connects).toBeGreaterThanOrEqual(12);
  });
});
