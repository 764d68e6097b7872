// Pulls and clean-up with the real engine and a registry of the test's own.

import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import { FakeClock, silentLogger } from '@wayside/kit';
import type { ModuleSpec } from '@wayside/protocol';
import Docker from 'dockerode';
import { DockerEngine } from '../src/containers/docker-engine.ts';
import { cleanUpOnce } from '../src/images/cleanup-loop.ts';
import { Images, PULL_FRESH_MS } from '../src/images/images.ts';
import { RegistryDouble } from './registry-double.ts';

jest.setTimeout(40_000);

const DAY_MS = 24 * 60 * 60 * 1000;
const INSTANCE = `di-${randomBytes(4).toString('hex')}`;
const LABELS = { 'io.wayside.instance': INSTANCE, 'io.wayside.component': 'image' };
const docker = new Docker({ socketPath: '/var/run/docker.sock' });
const engine = new DockerEngine('/var/run/docker.sock');
const registry = new RegistryDouble();
let directory: string;
let clock: FakeClock;

beforeAll(() => registry.start());
afterAll(async () => {
  await registry.stop();
  const images = await docker.listImages({ all: true, filters: { label: [`io.wayside.instance=${INSTANCE}`] } });
  await Promise.all(
    images.map(({ Id }) =>
      docker
        .getImage(Id)
        .remove({ force: true })
        .catch(() => undefined),
    ),
  );
});
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wayside-images-'));
  clock = new FakeClock(Date.now());
  registry.credentials = undefined;
  registry.calls.length = 0;
});
afterEach(() => rm(directory, { recursive: true }));

const open = () => Images.open({ engine, file: join(directory, 'images.json'), clock, log: silentLogger });
const specOf = (image: string, credentials?: { username: string; password: string }): ModuleSpec => ({
  name: 'm',
  type: 'docker',
  imagePullPolicy: 'On-Create',
  config: {
    settings: {
      image,
      createOptions: {},
      ...(credentials === undefined
        ? {}
        : {
            auth: Buffer.from(JSON.stringify({ ...credentials, serveraddress: `127.0.0.1:${registry.port}` })).toString(
              'base64',
            ),
          }),
    },
    env: [],
  },
});
const manifestCalls = () => registry.calls.filter((line) => line.includes('/manifests/')).length;

test('pulls once for callers at the same time, and not again while fresh', async () => {
  const image = await registry.push('once', 'once', LABELS);
  const images = await open();
  const ready = await Promise.all([1, 2, 3].map(() => images.ensure(specOf(image))));
  expect(new Set(ready.map(({ id }) => id)).size).toBe(1);
  expect(ready[0]).toEqual({ id: expect.stringMatching(/^sha256:/), warning: undefined });
  const calls = manifestCalls();
  expect(calls).toBeGreaterThan(0);
  expect(calls).toBeLessThanOrEqual(2);
  await images.ensure(specOf(image));
  expect(manifestCalls()).toBe(calls);
  await clock.advance(PULL_FRESH_MS);
  await images.ensure(specOf(image));
  expect(manifestCalls()).toBeGreaterThan(calls);
});

test('sends the credentials of the specification; wrong ones are an error without the password in it', async () => {
  const image = await registry.push('private', 'private', LABELS);
  registry.credentials = 'user:right-password';
  const images = await open();
  const failed = images.ensure(specOf(image, { username: 'user', password: 'wrong-password' }));
  await expect(failed).rejects.toMatchObject({ code: 'DAEMON_IMAGE_PULL_FAILED' });
  await expect(failed).rejects.not.toThrow(/wrong-password/);
  expect(
    (await images.ensure(specOf(image, { username: 'user', password: 'right-password' }))).warning,
  ).toBeUndefined();
});

test('a new image under the same tag is taken; a registry that is away leaves the local one, with a warning', async () => {
  const image = await registry.push('moving', 'first', LABELS);
  const images = await open();
  const first = await images.ensure(specOf(image));
  await registry.push('moving', 'second', LABELS);
  await clock.advance(PULL_FRESH_MS);
  const second = await images.ensure(specOf(image));
  expect(second.id).not.toBe(first.id);
  await clock.advance(PULL_FRESH_MS);
  const { port } = registry;
  await registry.stop();
  try {
    const offline = await images.ensure(specOf(image));
    expect(offline.id).toBe(second.id);
    expect(offline.warning).toMatch(/could not be pulled, the local one is used/);
    await expect(images.ensure(specOf(`127.0.0.1:${port}/thing:none`))).rejects.toMatchObject({
      code: 'DAEMON_IMAGE_PULL_FAILED',
    });
  } finally {
    await registry.start(port);
  }
});

test('clean-up removes what is old and unused, keeps present and previous version and what a container uses', async () => {
  const tags = ['v1', 'v2', 'v3', 'used'];
  const names = await Promise.all(tags.map((tag) => registry.push(tag, tag, LABELS)));
  let images = await open();
  const ids: string[] = [];
  for (const name of names) ids.push((await images.ensure(specOf(name))).id);
  for (const id of ids.slice(0, 3)) await images.noteModule('m', id);
  const container = await docker.createContainer({ Image: names[3], Labels: LABELS });
  const settings = { enabled: true, recurrenceMs: DAY_MS, ageMs: 7 * DAY_MS, minuteOfDay: 0 };
  const cleanUp = () => cleanUpOnce({ engine, images, settings, clock, log: silentLogger });
  const exist = () => Promise.all(names.map(async (name) => (await engine.image(name)) !== undefined));

  clock.jump(6 * DAY_MS);
  expect(await cleanUp()).toBe(0);
  images = await open();
  clock.jump(2 * DAY_MS);
  expect(await cleanUp()).toBe(1);
  expect(await exist()).toEqual([false, true, true, true]);

  await container.remove();
  await images.forgetModule('m');
  expect(await cleanUp()).toBe(2);
  clock.jump(8 * DAY_MS);
  expect(await cleanUp()).toBe(1);
  expect(await exist()).toEqual([false, false, false, false]);
});
