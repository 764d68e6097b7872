// Two base configurations and three layers over twelve nodes, tags changed under way, one deleted: every twin, status and metric
// (cloud.md 2.6, 2.12).

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { JsonObject } from '@wayside/protocol';
import { type DeploymentBench, modulesOf, openBench, quickstartContent } from '../../test/deployment-bench.ts';
import { parseQuery } from '../query/parse-query.ts';
import { readQueryPage } from '../query/query-pages.ts';
import { configurationJson } from './configuration-json.ts';
import { markDue } from './evaluation-queue.ts';

/** The machine may be busy with other suites. */
jest.setTimeout(30_000);

let bench: DeploymentBench;
beforeAll(async () => {
  bench = await openBench();
  for (const [node, tags] of NODES) {
    await bench.registry.createDevice(node, { iotEdge: true });
    await bench.twins.change(node, undefined, { tagsInstead: tags }, '*');
    bench.clock.jump(1);
  }
  for (const [id, body] of CONFIGURATIONS) {
    bench.clock.jump(1_000);
    await bench.configurations.create(id, body, 'policy:iothubowner');
  }
});
afterAll(() => bench.db.destroy());

/** Name, ring, site. */
const NODES: [string, JsonObject][] = [
  ['n01', { env: 'prod', site: 'a' }],
  ['n02', { env: 'prod', site: 'a' }],
  ['n03', { env: 'prod', site: 'b' }],
  ['n04', { env: 'prod', site: 'b' }],
  ['n05', { env: 'prod', site: 'c', canary: true }],
  ['n06', { env: 'prod', site: 'c', canary: true }],
  ['n07', { env: 'test', site: 'a' }],
  ['n08', { env: 'test', site: 'b' }],
  ['n09', { env: 'test', site: 'c', canary: true }],
  ['n10', { env: 'lab', site: 'a' }],
  ['n11', { env: 'lab', canary: true }],
  ['n12', {}],
];

const image = (name: string) => ({
  type: 'docker',
  status: 'running',
  restartPolicy: 'always',
  settings: { image: name },
});

function base(version: string) {
  const content = quickstartContent();
  Object.assign(modulesOf(content).MCC!, { version });
  content.MCC = { 'properties.desired': { maxEgressMbps: 100, level: version } };
  return { modulesContent: content };
}

const layer = (modulesContent: JsonObject) => ({ modulesContent: { $edgeAgent: {}, ...modulesContent } });

const CONFIGURATIONS: [string, JsonObject][] = [
  ['base-old', { content: base('1') as JsonObject, priority: 10, targetCondition: "tags.env IN ['prod', 'test']" }],
  ['base-new', { content: base('2') as JsonObject, priority: 20, targetCondition: 'tags.canary = true' }],
  [
    'layer-sensor',
    {
      content: layer({
        $edgeAgent: { 'properties.desired.modules.sensor': image('sensor:1') },
        $edgeHub: { 'properties.desired.routes.sensor': 'FROM /messages/modules/sensor/* INTO $upstream' },
        sensor: { 'properties.desired': { rate: 1, unit: 'C' } },
      }),
      priority: 15,
      targetCondition: "tags.site = 'a' OR tags.site = 'c'",
    },
  ],
  [
    'layer-sensor-2',
    {
      content: layer({
        $edgeAgent: { 'properties.desired.modules.sensor': image('sensor:2') },
        sensor: { 'properties.desired.rate': 5 },
      }),
      priority: 30,
      targetCondition: "tags.site = 'c'",
    },
  ],
  // Only a module twin: in effect, and shown as targeted.
  [
    'layer-egress',
    { content: layer({ MCC: { 'properties.desired.maxEgressMbps': 900 } }), priority: 25, targetCondition: '*' },
  ],
];

type Row = [
  node: string,
  mcc: string | undefined,
  egress: number | undefined,
  sensor: string | undefined,
  rate: number | undefined,
  statuses: string,
];

/** What each node has: version of MCC, its egress, image and rate of the sensor, statuses. */
async function table(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [node] of NODES) {
    const agent = (await bench.twins.get(node, '$edgeAgent'))!;
    const modules = (agent.desired.modules ?? {}) as { [name: string]: JsonObject & { settings: { image: string } } };
    const mcc = await bench.twins.get(node, 'MCC');
    const sensor = await bench.twins.get(node, 'sensor');
    const device = (await bench.twins.get(node))!;
    expect(agent.configurations).toEqual(device.configurations);
    expect(Object.keys(modules).includes('sensor')).toBe(sensor !== undefined);
    const statuses = Object.entries(device.configurations).map(
      ([id, entry]) => `${id}:${(entry as { status: string }).status[0]}`,
    );
    rows.push([
      node,
      modules.MCC?.version as string | undefined,
      mcc?.desired.maxEgressMbps as number | undefined,
      modules.sensor?.settings.image,
      sensor?.desired.rate as number | undefined,
      statuses.sort().join(' '),
    ]);
  }
  return rows;
}

async function versions(): Promise<{ [twin: string]: number }> {
  const rows = await bench.db.selectFrom('twin').select(['device_id', 'module_id', 'desired_version']).execute();
  return Object.fromEntries(rows.map((row) => [`${row.device_id}/${row.module_id}`, row.desired_version]));
}

/** targeted, applied, successful, failed of each configuration, and the same asked by the text of its queries. */
async function metrics(): Promise<{ [id: string]: number[] }> {
  const all: { [id: string]: number[] } = {};
  for (const counted of await bench.configurations.list()) {
    const { id, systemMetrics } = configurationJson(counted);
    all[id] = Object.values(systemMetrics.results);
    const asked: number[] = [];
    for (const query of Object.values(systemMetrics.queries)) {
      asked.push((await readQueryPage(bench.db, parseQuery(query), 1_000, undefined)).rows.length);
    }
    expect([id, ...asked]).toEqual([id, ...all[id]!]);
  }
  return all;
}

/** What the agents answer to the version that they have. */
async function report(nodes: string[], code: number): Promise<void> {
  for (const node of nodes) {
    const { desiredVersion } = (await bench.twins.get(node, '$edgeAgent'))!;
    const patch = { lastDesiredVersion: desiredVersion, lastDesiredStatus: { code } };
    await bench.twins.report(node, '$edgeAgent', patch, undefined);
    await markDue(bench.db, [node], '', bench.clock.nowMs());
  }
  await bench.settle();
}

const OLD_A = 'base-old:A layer-egress:T layer-sensor:A';
const OLD_B = 'base-old:A layer-egress:T';
const NEW_C = 'base-new:A base-old:T layer-egress:T layer-sensor-2:A layer-sensor:T';

describe('a fleet under configurations', () => {
  test('the first evaluation gives every node its base and layers', async () => {
    await bench.settle();
    expect(await table()).toEqual([
      ['n01', '1', 900, 'sensor:1', 1, OLD_A],
      ['n02', '1', 900, 'sensor:1', 1, OLD_A],
      ['n03', '1', 900, undefined, undefined, OLD_B],
      ['n04', '1', 900, undefined, undefined, OLD_B],
      // layer-sensor (15) is below base-new (20), so layer-sensor-2 stands alone.
      ['n05', '2', 900, 'sensor:2', 5, NEW_C],
      ['n06', '2', 900, 'sensor:2', 5, NEW_C],
      ['n07', '1', 900, 'sensor:1', 1, OLD_A],
      ['n08', '1', 900, undefined, undefined, OLD_B],
      ['n09', '2', 900, 'sensor:2', 5, NEW_C],
      // No base: layers alone do nothing.
      ['n10', undefined, undefined, undefined, undefined, 'layer-egress:T layer-sensor:T'],
      ['n11', '2', 900, undefined, undefined, 'base-new:A layer-egress:T'],
      ['n12', undefined, undefined, undefined, undefined, 'layer-egress:T'],
    ]);
    expect(await metrics()).toEqual({
      'base-old': [9, 6, 0, 0],
      'base-new': [4, 4, 0, 0],
      'layer-sensor': [7, 3, 0, 0],
      'layer-sensor-2': [3, 3, 0, 0],
      'layer-egress': [12, 0, 0, 0],
    });
    const hub = (await bench.twins.get('n01', '$edgeHub'))!.desired.routes as JsonObject;
    expect(Object.keys(hub)).toEqual(['cacheToCloud', 'sensor']);
  });

  test('another round raises no version and tells nobody', async () => {
    const before = await versions();
    const told: string[] = [];
    const end = bench.bus.on('desired', ({ deviceId }) => told.push(deviceId));
    await bench.configurations.update('base-old', { labels: { note: 'again' } }, '*');
    await bench.settle();
    end();
    expect(await versions()).toEqual(before);
    expect(told).toEqual([]);
  });

  test('what the agents report makes success and failure', async () => {
    await report(['n01', 'n02', 'n05', 'n11'], 200);
    await report(['n03', 'n06'], 412);
    expect(await metrics()).toEqual({
      'base-old': [9, 6, 2, 1],
      'base-new': [4, 4, 2, 1],
      'layer-sensor': [7, 3, 2, 0],
      'layer-sensor-2': [3, 3, 1, 1],
      'layer-egress': [12, 0, 0, 0],
    });
  });

  test('tags changed under way move nodes between configurations', async () => {
    // Into the new ring, out of every base, into the first base, to another site.
    await bench.twins.change('n02', undefined, { tags: { canary: true } }, '*', 'anna');
    await bench.twins.change('n05', undefined, { tagsInstead: {} }, '*');
    await bench.twins.change('n10', undefined, { tags: { env: 'test' } }, '*');
    await bench.twins.change('n03', undefined, { tags: { site: 'c' } }, '*');
    await bench.settle();
    const after = await table();
    expect(after.filter(([node]) => ['n02', 'n03', 'n05', 'n10'].includes(node))).toEqual([
      ['n02', '2', 900, undefined, undefined, 'base-new:A base-old:T layer-egress:T layer-sensor:T'],
      ['n03', '1', 900, 'sensor:2', 5, 'base-old:A layer-egress:T layer-sensor-2:A layer-sensor:A'],
      // Nothing targets it any more: it keeps what it has.
      ['n05', '2', 900, 'sensor:2', 5, 'layer-egress:T'],
      ['n10', '1', 900, 'sensor:1', 1, OLD_A],
    ]);
    // The unit of the lower layer stays where the higher one set the rate alone.
    expect((await bench.twins.get('n03', 'sensor'))!.desired).toEqual({ rate: 5, unit: 'C' });
    expect(await metrics()).toEqual({
      // n02's version is new, n03's too: neither success nor failure before the agents answer.
      'base-old': [9, 6, 1, 0],
      'base-new': [4, 4, 1, 1],
      'layer-sensor': [7, 4, 1, 0],
      'layer-sensor-2': [3, 3, 0, 1],
      'layer-egress': [12, 0, 0, 0],
    });
  });

  test('a deleted base gives way to the next lower one, layers included; without one a node keeps what it has', async () => {
    const before = await versions();
    await bench.configurations.remove('base-new', '*', 'policy:iothubowner');
    await bench.settle();
    expect(await table()).toEqual([
      ['n01', '1', 900, 'sensor:1', 1, OLD_A],
      ['n02', '1', 900, 'sensor:1', 1, OLD_A],
      ['n03', '1', 900, 'sensor:2', 5, 'base-old:A layer-egress:T layer-sensor-2:A layer-sensor:A'],
      ['n04', '1', 900, undefined, undefined, OLD_B],
      ['n05', '2', 900, 'sensor:2', 5, 'layer-egress:T'],
      ['n06', '1', 900, 'sensor:2', 5, 'base-old:A layer-egress:T layer-sensor-2:A layer-sensor:A'],
      ['n07', '1', 900, 'sensor:1', 1, OLD_A],
      ['n08', '1', 900, undefined, undefined, OLD_B],
      ['n09', '1', 900, 'sensor:2', 5, 'base-old:A layer-egress:T layer-sensor-2:A layer-sensor:A'],
      ['n10', '1', 900, 'sensor:1', 1, OLD_A],
      // Its only base went.
      ['n11', '2', 900, undefined, undefined, 'layer-egress:T'],
      ['n12', undefined, undefined, undefined, undefined, 'layer-egress:T'],
    ]);
    expect(await metrics()).toEqual({
      'base-old': [9, 9, 1, 0],
      'layer-sensor': [7, 7, 1, 0],
      'layer-sensor-2': [3, 3, 0, 0],
      'layer-egress': [12, 0, 0, 0],
    });
    const after = await versions();
    for (const untouched of ['n01', 'n03', 'n05', 'n11']) {
      expect(after[`${untouched}/$edgeAgent`]).toBe(before[`${untouched}/$edgeAgent`]);
    }
  });

  test('what else holds: modules come and go with the layers, a twin section goes with the layer that brought it', async () => {
    await bench.configurations.remove('layer-sensor', '*');
    await bench.configurations.remove('layer-egress', '*');
    await bench.settle();
    expect((await table()).slice(0, 3)).toEqual([
      ['n01', '1', 100, undefined, undefined, 'base-old:A'],
      ['n02', '1', 100, undefined, undefined, 'base-old:A'],
      ['n03', '1', 100, 'sensor:2', 5, 'base-old:A layer-sensor-2:A'],
    ]);
    expect((await bench.twins.get('n03', 'sensor'))!.desired).toEqual({ rate: 5 });
    const { reportedSuccessful } = (await bench.configurations.get('base-old')).counts;
    expect(reportedSuccessful).toBe(0);
  });
});
