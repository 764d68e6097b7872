import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Semaphore, silentLogger } from '@wayside/kit';
import { CUSTOMER_ID, createBench, IMAGES, type NodeBench } from '../../test/node-bench.ts';
import { writeStatus } from '../health/node-status.ts';
import { UPDATE_LATE_MS } from './decide-update.ts';
import { listUpdates } from './update-rows.ts';
import { Updates } from './updates.ts';

/** The machine may be busy with other suites. */
jest.setTimeout(30_000);

const HOUR_MS = 3_600_000;
const SLOW = { ring: 'slow', week: 2, weekday: 3, from: '02:00', to: '04:00', timeZone: 'UTC' } as const;

let bench: NodeBench;
let updates: Updates;
let base: string | undefined;
beforeEach(async () => {
  bench = await createBench();
  base = undefined;
  updates = new Updates({
    ...{ db: bench.db, platform: bench.platform, clock: bench.clock, timeline: bench.timeline },
    ...{ accounts: bench.accounts, images: IMAGES, logger: silentLogger, turn: new Semaphore(1) },
    baseOf: async () => base,
  });
});

const release = (moduleVersion: string | null) => bench.accounts.change(CUSTOMER_ID, { moduleVersion });
const status = async () => updates.statusOf([await bench.nodes.get('edge1')]).get('edge1');
const rows = async () => (await listUpdates(bench.db, 'edge1')).map((row) => [row.version, row.reason, row.state]);
const images = () => JSON.stringify(bench.platform.contents.get('edge1')).match(/wayside\/\w+:[\w.]+/g);
/** The node runs and said so. */
async function running(fields: object = {}): Promise<void> {
  await bench.aNode(fields);
  await tell(bench.platform.desiredVersion, 200);
}
function tell(lastDesiredVersion: number, code: number, description = ''): Promise<void> {
  const health = { lastDesiredVersion, lastDesiredStatus: { code, description }, modules: [] };
  return writeStatus(bench.db, 'edge1', { heartbeatAtMs: bench.clock.nowMs(), health: health as never });
}
async function openWindow(): Promise<void> {
  const window = (await status())?.nextWindow;
  await bench.clock.advance(Math.max(0, Date.parse(window?.fromUtc ?? '') - bench.clock.nowMs()));
}

describe('a new version', () => {
  test('goes to a node of the fast ring at once; it is current when the node says that it runs', async () => {
    await running();
    await release('1.3.0');
    await updates.look();
    expect(new Set(images())).toEqual(new Set(['agent', 'hub', 'cache'].map((name) => `wayside/${name}:1.3.0`)));
    expect(await status()).toMatchObject({ state: 'underway', version: '1.3.0', nextWindow: null });
    await updates.look();
    expect(await rows()).toEqual([['1.3.0', 'ring', 'underway']]);
    await tell(bench.platform.desiredVersion, 200);
    await updates.look();
    expect(await status()).toMatchObject({ state: 'current', version: '1.3.0', startedAtUtc: null });
    expect(await rows()).toEqual([['1.3.0', 'ring', 'applied']]);
    expect((await bench.events()).slice(-2)).toEqual([
      'Version 1.3.0 of the modules goes out, 1.2.3 ran before: its ring lets it',
      'Version 1.3.0 of the modules runs',
    ]);
  });

  test('waits for the window of the slow ring, while changed fields reach the node at once', async () => {
    await running({ updateRing: SLOW });
    await openWindow();
    await bench.clock.advance(24 * HOUR_MS);
    await release('1.3.0');
    await updates.look();
    await updates.look();
    expect(await status()).toMatchObject({ state: 'waiting', version: '1.2.3', waitingVersion: '1.3.0' });
    await bench.nodes.change('edge1', { drives: [{ path: '/e', sizeGb: 20 }] });
    expect(images()).toContain('wayside/cache:1.2.3');
    expect(JSON.stringify(bench.platform.contents.get('edge1'))).toContain('/e/:/nginx/cache1/');
    expect(await rows()).toEqual([]);
    await openWindow();
    await updates.look();
    expect(images()).toContain('wayside/cache:1.3.0');
    expect(JSON.stringify(bench.platform.contents.get('edge1'))).toContain('/e/:/nginx/cache1/');
    expect(await status()).toMatchObject({ state: 'underway', waitingVersion: null });
    expect((await bench.events()).filter((text) => text.includes('waits'))).toEqual([
      'Version 1.3.0 of the modules waits for the window of the node',
    ]);
  });

  test("that is critical, or for a node without a server, waits for nothing; the ring may be the account's", async () => {
    await bench.accounts.change(CUSTOMER_ID, { updateRing: { ...SLOW, week: 4 } });
    await running();
    await openWindow();
    await bench.clock.advance(48 * HOUR_MS);
    await bench.accounts.change(CUSTOMER_ID, { moduleVersion: '1.3.0', criticalVersions: ['1.3.1'] });
    await updates.look();
    expect(await status()).toMatchObject({ state: 'waiting', ring: { week: 4 } });
    await release('1.3.1');
    await updates.look();
    expect(await rows()).toEqual([['1.3.1', 'critical', 'underway']]);
    await bench.nodes.create({ name: 'edge2' });
    await release('1.3.2');
    await updates.look();
    expect((await bench.nodes.get('edge2')).moduleVersion).toBe('1.3.2');
    expect((await status())?.waitingVersion).toBe('1.3.2');
    await release('1.3.1');
    await updates.look();
    expect(await status()).toMatchObject({ waitingVersion: null, state: 'underway' });
  });

  test('goes out at once when somebody asks, and once only', async () => {
    await running({ updateRing: SLOW });
    await openWindow();
    await bench.clock.advance(24 * HOUR_MS);
    await release('1.3.0');
    await Promise.all([updates.updateNow('edge1', 'ann'), updates.updateNow('edge1', 'bob'), updates.look()]);
    expect(await rows()).toEqual([['1.3.0', 'asked', 'underway']]);
    expect(images()).toContain('wayside/cache:1.3.0');
    await expect(updates.updateNow('none', 'ann')).rejects.toMatchObject({ code: 'CLOUD_NODE_NOT_FOUND' });
  });

  test('is none of a manifest that somebody wrote, nor of a configuration', async () => {
    await running();
    base = 'fleet';
    await release('1.3.0');
    await updates.look();
    expect(images()).toContain('wayside/cache:1.2.3');
    await expect(updates.updateNow('edge1', 'ann')).rejects.toMatchObject({
      code: 'CLOUD_UPDATE_NOT_POSSIBLE',
      message: expect.stringContaining('"fleet"'),
    });
    base = undefined;
    const own = { $edgeAgent: { 'properties.desired': { own: true } } };
    await bench.platform.applyContent('edge1', own);
    await expect(updates.updateNow('edge1', 'ann')).rejects.toMatchObject({ code: 'CLOUD_UPDATE_NOT_POSSIBLE' });
    await updates.look();
    expect(bench.platform.contents.get('edge1')).toEqual(own);
    expect(await rows()).toEqual([]);
  });
});

describe('an update that fails', () => {
  const broken =
    'replace MCC: Cannot update MCC to wayside/cache:1.3.0: it ended; wayside/cache:1.2.3 runs again (AGENT_UPDATE_ROLLED_BACK)';
  beforeEach(async () => {
    await running();
    await release('1.3.0');
    await updates.look();
    await tell(bench.platform.desiredVersion, 500, broken);
    await updates.look();
  });

  test('the version before is deployed again, and that version is not tried by itself', async () => {
    expect(images()).toContain('wayside/cache:1.2.3');
    await tell(bench.platform.desiredVersion, 200);
    await updates.look();
    await updates.look();
    expect(await status()).toMatchObject({ state: 'failed', version: '1.2.3', failedVersion: '1.3.0', error: broken });
    expect(await rows()).toEqual([['1.3.0', 'ring', 'failed']]);
    expect((await bench.events()).at(-1)).toBe(`Version 1.3.0 of the modules failed, back to 1.2.3: ${broken}`);
  });

  test('it is tried again when somebody asks, and a newer one by itself', async () => {
    await updates.updateNow('edge1', 'ann');
    expect(await status()).toMatchObject({ state: 'underway', version: '1.3.0', failedVersion: null });
    await tell(bench.platform.desiredVersion, 500, broken);
    await updates.look();
    await release('1.3.1');
    await updates.look();
    expect(await rows()).toEqual([
      ['1.3.1', 'ring', 'underway'],
      ['1.3.0', 'asked', 'failed'],
      ['1.3.0', 'ring', 'failed'],
    ]);
  });

  test('nothing is wrong any more when nobody wants the version', async () => {
    await release(null);
    await updates.look();
    expect(await status()).toMatchObject({ state: 'current', failedVersion: null });
  });
});

test('an update that takes longer than six hours is shown as late, once, and may still end well', async () => {
  await running();
  await release('1.3.0');
  await updates.look();
  await bench.clock.advance(UPDATE_LATE_MS);
  await updates.look();
  await updates.look();
  expect([(await status())?.state, await rows()]).toEqual(['late', [['1.3.0', 'ring', 'late']]]);
  expect((await bench.events()).filter((text) => text.includes('6 hours'))).toHaveLength(1);
  await tell(bench.platform.desiredVersion, 200);
  await updates.look();
  expect([(await status())?.state, await rows()]).toEqual(['current', [['1.3.0', 'ring', 'applied']]]);
});

test('what a crash left undone after the version was written down is done by the next round', async () => {
  await running();
  await release('1.3.0');
  bench.platform.applyFailure = new Error('killed');
  await updates.look();
  expect([images()?.[0], (await status())?.version]).toEqual(['wayside/agent:1.2.3', '1.3.0']);
  await updates.look();
  expect(images()).toContain('wayside/cache:1.3.0');
  await tell(bench.platform.desiredVersion, 200);
  await updates.look();
  expect(await rows()).toEqual([['1.3.0', 'ring', 'applied']]);
});

test('a node of before versions were written down has the one that is deployed, and is updated by its ring', async () => {
  await running({ updateRing: SLOW });
  await openWindow();
  await bench.clock.advance(24 * HOUR_MS);
  await bench.db.updateTable('cache_node').set({ module_version: null }).execute();
  await release('1.3.0');
  await updates.look();
  await updates.look();
  expect(await status()).toMatchObject({ version: '1.2.3', waitingVersion: '1.3.0' });
});
