import { describe, expect, test } from '@jest/globals';
import { silentLogger } from '@wayside/kit';
import { createBench, type NodeBench } from '../../test/node-bench.ts';
import { readCacheMonitor, readMinutes } from './cache-figures.ts';
import { HealthIntake } from './health-intake.ts';
import { parseAgentHealth } from './message-schemas.ts';
import { readSnapshots, readStatus } from './node-status.ts';

const T0 = Date.parse('2026-01-01T00:00:00Z');

async function createSetup() {
  const bench = await createBench();
  await bench.aNode();
  const news: string[] = [];
  const intake = newIntake(bench, news);
  await intake.start();
  return { ...bench, intake, news };
}

function newIntake({ db, platform, clock, timeline }: NodeBench, news: string[]): HealthIntake {
  return new HealthIntake({ db, platform, clock, timeline, logger: silentLogger, onNews: (name) => news.push(name) });
}

function health(atMs: number, module: object = {}, change: object = {}) {
  const mcc = {
    name: 'MCC',
    runtimeStatus: 'running',
    restartCount: 0,
    lastStartTimeUtc: '2025-12-31T00:00:00Z',
    ...module,
  };
  const status = { lastDesiredVersion: 2, lastDesiredStatus: { code: 200, description: '' } };
  return { atUtc: new Date(atMs).toISOString(), ...status, modules: [mcc], ...change };
}

function report(toMs: number, change: object = {}) {
  return {
    fromUtc: new Date(toMs - 15_000).toISOString(),
    toUtc: new Date(toMs).toISOString(),
    ...{ requests: 30, hits: 20, misses: 10, errors5xx: 1 },
    ...{ hitBytes: 75_000_000, missBytes: 25_000_000, egressBytes: 100_000_000, ingressBytes: 50_000_000 },
    totals: { hitBytes: 1, missBytes: 1, egressBytes: 2, hitRatioBytes: 0.5 },
    drives: [{ path: '/nginx/cache1/', sizeBytes: 10, usedBytes: 1, state: 'ok', issue: null }],
    ...change,
  };
}

describe('HealthIntake of health messages', () => {
  test('takes heartbeat, snapshots and deployment status over', async () => {
    const { platform, intake, db, events, news } = await createSetup();
    platform.send({ json: health(T0), enqueuedAtMs: T0 + 20 });
    await intake.idle();
    expect(await readStatus(db, 'edge1')).toMatchObject({ heartbeatAtMs: T0 + 20, healthAtMs: T0, telemetrySeq: 1 });
    expect((await readSnapshots(db, 'edge1')).get('MCC')).toMatchObject({ startsSeen: 1 });
    expect((await events()).slice(1)).toEqual(['Deployment 2 handled with 200', 'MCC appeared: running']);
    expect(news).toEqual(['edge1']);
  });

  test('starts of the daemon are counted and written down', async () => {
    const { platform, intake, db, events } = await createSetup();
    const beat = (atMs: number, startedAtMs?: number) => {
      const started = startedAtMs === undefined ? {} : { startTimeUtc: new Date(startedAtMs).toISOString() };
      const daemon = startedAtMs === undefined ? null : { version: '1.0', ...started };
      platform.send({ json: health(atMs, {}, { daemon }), enqueuedAtMs: atMs });
    };
    beat(T0, T0 - 60_000);
    beat(T0 + 15_000, T0 - 59_000);
    beat(T0 + 30_000);
    beat(T0 + 45_000, T0 + 40_000);
    await intake.idle();
    expect((await readStatus(db, 'edge1')).daemon).toEqual({
      version: '1.0',
      startTimeUtc: '2026-01-01T00:00:40.000Z',
      startsSeen: 2,
      changedAtMs: T0 + 45_000,
    });
    expect((await events()).filter((text) => text.startsWith('Daemon'))).toEqual([
      'Daemon appeared: version 1.0, started at 2025-12-31T23:59:00.000Z',
      'Daemon started at 2026-01-01T00:00:40.000Z, starts seen 2',
    ]);
  });

  test('a message that comes late is a heartbeat, and turns no state back', async () => {
    const { platform, intake, db } = await createSetup();
    platform.send({ json: health(T0 + 60_000, { runtimeStatus: 'failed' }), enqueuedAtMs: T0 + 60_000 });
    platform.send({ json: health(T0, { runtimeStatus: 'running' }), enqueuedAtMs: T0 + 61_000 });
    await intake.idle();
    expect((await readSnapshots(db, 'edge1')).get('MCC')?.health.runtimeStatus).toBe('failed');
    expect((await readStatus(db, 'edge1')).heartbeatAtMs).toBe(T0 + 61_000);
  });

  test('a clock that runs ahead does not make honest messages after it look old', async () => {
    const { platform, intake, db } = await createSetup();
    platform.send({ json: health(T0 + 3_600_000), enqueuedAtMs: T0 });
    platform.send({ json: health(T0 + 15_000, { runtimeStatus: 'backoff' }), enqueuedAtMs: T0 + 15_000 });
    await intake.idle();
    expect((await readSnapshots(db, 'edge1')).get('MCC')?.health.runtimeStatus).toBe('backoff');
  });

  test("the cloud's own clock may step back: messages after it count, and none before it is a heartbeat of the future", async () => {
    const { platform, intake, db } = await createSetup();
    platform.send({ json: health(T0 + 3_600_000), enqueuedAtMs: T0 + 3_600_000 });
    platform.send({ json: health(T0, { runtimeStatus: 'backoff' }), enqueuedAtMs: T0 });
    await intake.idle();
    expect((await readSnapshots(db, 'edge1')).get('MCC')?.health.runtimeStatus).toBe('backoff');
    expect(await readStatus(db, 'edge1')).toMatchObject({ heartbeatAtMs: T0, healthAtMs: T0 });
  });

  test('a body that is nested without end is passed over', () => {
    const text = JSON.stringify(health(T0)).replace(/}$/, `,"host":${'{"a":'.repeat(6_000)}1${'}'.repeat(6_000)}}`);
    expect(parseAgentHealth(Buffer.from(text))).toMatchObject({ ok: false });
  });

  test.each<[string, object]>([
    ['another module', { moduleId: 'MCC' }],
    ['the device itself', { moduleId: undefined }],
    ['a device that is no cache node', { deviceId: 'other' }],
  ])('health of %s is not believed', async (_what, from) => {
    const { platform, intake, db } = await createSetup();
    platform.send({ json: health(T0), enqueuedAtMs: T0, ...from });
    await intake.idle();
    expect(await readStatus(db, 'edge1')).toMatchObject({ heartbeatAtMs: null });
  });

  test('a message that cannot be read is passed over and does not stop the next', async () => {
    const { platform, intake, db } = await createSetup();
    platform.send({ json: { modules: 'all fine' }, enqueuedAtMs: T0 });
    platform.send({ json: health(T0 + 1), enqueuedAtMs: T0 + 1 });
    await intake.idle();
    expect(await readStatus(db, 'edge1')).toMatchObject({ heartbeatAtMs: T0 + 1, telemetrySeq: 2 });
  });

  test('a start takes over what came while the cloud was down, once', async () => {
    const bench = await createSetup();
    bench.platform.send({ json: health(T0), enqueuedAtMs: T0 });
    await bench.intake.stop();
    bench.platform.send({ json: health(T0 + 15_000, { restartCount: 1 }), enqueuedAtMs: T0 + 15_000 });
    bench.platform.send({ json: health(T0 + 30_000, { restartCount: 1 }), enqueuedAtMs: T0 + 30_000 });
    const again = newIntake(bench, []);
    await again.start();
    await again.stop();
    expect((await bench.events()).filter((text) => text.includes('restart count'))).toEqual([
      'MCC restart count 0 -> 1',
    ]);
    expect((await readStatus(bench.db, 'edge1')).telemetrySeq).toBe(3);
  });
});

describe('HealthIntake of cache reports', () => {
  const from = { moduleId: 'MCC', messageType: 'cacheReport' };

  test('adds them up per minute; a repeated delivery adds nothing', async () => {
    const { platform, intake, db } = await createSetup();
    for (const atMs of [T0 + 15_000, T0 + 30_000, T0 + 30_000, T0 + 75_000]) {
      platform.send({ ...from, json: report(atMs), enqueuedAtMs: atMs + 100 });
    }
    await intake.idle();
    const minutes = await readMinutes(db, 'edge1', { fromMs: T0, toMs: T0 + 600_000 });
    expect(minutes.map(({ minuteAtMs, requests, hit_bytes }) => [minuteAtMs - T0, requests, hit_bytes])).toEqual([
      [0, 60, 150_000_000],
      [60_000, 30, 75_000_000],
    ]);
  });

  test('figures beyond what a number holds exactly are still shown', async () => {
    const { platform, intake, db } = await createSetup();
    const egressBytes = Number.MAX_SAFE_INTEGER;
    for (const atMs of [T0 + 1_000, T0 + 2_000]) {
      platform.send({ ...from, json: report(atMs, { egressBytes }), enqueuedAtMs: atMs });
    }
    await intake.idle();
    expect((await readCacheMonitor(db, 'edge1', T0 + 3_000))?.hitRatio).toBeCloseTo(0);
  });

  test('monitor shows the rates of the last interval and the ratio of five minutes', async () => {
    const { platform, intake, db } = await createSetup();
    platform.send({ ...from, json: report(T0 + 15_000), enqueuedAtMs: T0 + 15_000 });
    await intake.idle();
    expect(await readCacheMonitor(db, 'edge1', T0 + 20_000)).toMatchObject({
      egressMbps: 53.333,
      ingressMbps: 26.667,
      hitRatio: 0.75,
      requestsPerSec: 2,
      atUtc: '2026-01-01T00:00:15.000Z',
    });
  });

  test('without fresh reports there is no present rate, and without traffic no ratio', async () => {
    const { platform, intake, db } = await createSetup();
    expect(await readCacheMonitor(db, 'edge1', T0)).toBeNull();
    platform.send({ ...from, json: report(T0), enqueuedAtMs: T0 });
    await intake.idle();
    expect(await readCacheMonitor(db, 'edge1', T0 + 600_000)).toMatchObject({ egressMbps: 0, hitRatio: null });
  });

  test('a drive that fails and comes back is two events', async () => {
    const { platform, intake, events } = await createSetup();
    const failed = [{ path: '/nginx/cache1/', sizeBytes: 10, usedBytes: 1, state: 'failed', issue: 'DrivePermission' }];
    platform.send({ ...from, json: report(T0 + 15_000), enqueuedAtMs: T0 + 15_000 });
    platform.send({ ...from, json: report(T0 + 30_000, { drives: failed }), enqueuedAtMs: T0 + 30_000 });
    platform.send({ ...from, json: report(T0 + 45_000), enqueuedAtMs: T0 + 45_000 });
    await intake.idle();
    expect((await events()).slice(1)).toEqual([
      'Cache drive /nginx/cache1/ failed: DrivePermission',
      'Cache drive /nginx/cache1/ is back',
    ]);
  });
});
