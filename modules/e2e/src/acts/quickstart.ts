// Act 1: from nothing to a node that serves content.

import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, test } from '@jest/globals';
import { mustWayside, run } from '../commands.ts';
import { ask, TEST_OBJECT, TEST_OBJECT_BYTES } from '../content.ts';
import { monitor } from '../node.ts';
import { CLOUD_STATE, HTTP_PORT, NODE } from '../settings.ts';
import { START_SECS_MAX, start } from '../stack.ts';

const SECOND_START_SECS_MAX = 60;

export function quickstart(): void {
  test(
    'npm start names the port that is taken, by whom, and the setting',
    async () => {
      const holder = createServer().listen(HTTP_PORT, '127.0.0.1');
      await once(holder, 'listening');
      const ran = await run('npm', ['--silent', 'start'], START_SECS_MAX * 1000);
      holder.close();
      expect(ran.exitCode).toBe(1);
      expect(ran.stderr).toMatch(
        new RegExp(`^error: Port ${HTTP_PORT} is taken by another program.*; .*WAYSIDE_HTTP_PORT`, 'm'),
      );
    },
    START_SECS_MAX * 1000,
  );

  test(
    'npm start: a line a step with its time, then list, content, cloud and secret',
    async () => {
      const { stdout, seconds } = await start();
      expect(seconds).toBeLessThan(START_SECS_MAX);
      expect(stdout).toMatch(/^\[ +\d+s\] /m);
      expectReady(stdout);
    },
    START_SECS_MAX * 1000,
  );

  test(
    'npm start again ends the same',
    async () => {
      const { stdout, seconds } = await start();
      expect(seconds).toBeLessThan(SECOND_START_SECS_MAX);
      expectReady(stdout);
    },
    START_SECS_MAX * 1000,
  );

  test('list prints edgeAgent, edgeHub and MCC running in the layout of the original', async () => {
    const { stdout } = await mustWayside('list');
    const lines = stdout.split('\n');
    expect(lines[0]).toMatch(/^NAME {13}STATUS {11}DESCRIPTION +Config$/);
    expect(lines.slice(1, 4).map((line) => line.split(/\s{2,}/)[0])).toEqual(['MCC', 'edgeAgent', 'edgeHub']);
    const configAt = lines[0]!.indexOf('Config');
    for (const line of lines.slice(1, 4)) {
      expect(line.slice(0, 34)).toMatch(/^(MCC|edgeAgent|edgeHub) +running +$/);
      expect(line.slice(34, configAt)).toMatch(/^Up \S.* {2,}$/);
      expect(line.slice(configAt)).toMatch(/^wayside\/(cache|agent|hub):\d+\.\d+\.\d+$/);
    }
    expect(lines.slice(4)).toEqual(['']);
  });

  test('wuidt.gif: MISS, then HIT, 969710 bytes of image/gif', async () => {
    // A query of its own makes an object that no earlier request has brought in.
    const path = `${TEST_OBJECT}&run=${Date.now()}`;
    const [first, second] = [await ask(path), await ask(path)];
    for (const answer of [first, second])
      expect(answer).toMatchObject({
        status: 200,
        bytes: TEST_OBJECT_BYTES,
        headers: { 'content-type': 'image/gif', 'content-length': String(TEST_OBJECT_BYTES) },
      });
    expect([first.headers['x-cache'], second.headers['x-cache']]).toEqual(['MISS', 'HIT']);
    expect(second.sha256).toBe(first.sha256);
  });

  test('the cloud sees a healthy node', async () => {
    const seen = await monitor();
    expect(seen).toMatchObject({
      name: NODE,
      state: 'Healthy',
      connected: true,
      reasons: [],
      deployment: { code: 200 },
      probe: { ok: true },
    });
    expect((await mustWayside('node', 'list')).stdout).toMatch(new RegExp(`^${NODE} +Healthy `, 'm'));
  });
}

function expectReady(stdout: string): void {
  for (const module of ['edgeAgent', 'edgeHub', 'MCC'])
    expect(stdout).toMatch(new RegExp(`^${module} +running +Up `, 'm'));
  expect(stdout).toContain(`http://127.0.0.1:${HTTP_PORT}${TEST_OBJECT}`);
  expect(stdout).toContain(`200, image/gif, ${TEST_OBJECT_BYTES} bytes`);
  expect(stdout).toContain(`${CLOUD_STATE}/admin-secret`);
}
