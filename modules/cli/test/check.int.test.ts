// `check` against a real engine: first a node where all is well, then one fault after the other.

import { readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { systemClock } from '@wayside/kit';
import { TestCa } from '@wayside/kit/test-certificates';
import { StandInNode } from './stand-in-node.ts';
import { runCli } from './test-io.ts';

const node = new StandInNode(`clicheck-${process.pid}`);
let ca: TestCa;

beforeAll(async () => {
  ca = await TestCa.create('stand-in ca');
  await node.start(ca);
}, 60_000);
afterAll(() => node.remove(), 60_000);

interface Report {
  exitCode: number;
  /** id -> result. */
  results: { [id: string]: string };
  details: { [id: string]: string };
  facts: { [id: string]: { [name: string]: unknown } };
}

async function check(...args: string[]): Promise<Report> {
  const ran = await runCli(
    [
      '--instance',
      node.instance,
      'check',
      '-o',
      'json',
      '--config-file',
      node.configFile,
      '--diagnostics-image-name',
      node.image,
      ...args,
    ],
    { clock: systemClock },
  );
  const { checks } = JSON.parse(ran.stdout) as {
    checks: { [id: string]: { result: { result: string; details?: string[] }; additional_info: object } };
  };
  const map = <T>(pick: (c: (typeof checks)[string]) => T): { [id: string]: T } =>
    Object.fromEntries(Object.entries(checks).map(([id, c]) => [id, pick(c)]));
  return {
    exitCode: ran.exitCode,
    results: map((c) => c.result.result),
    details: map((c) => (c.result.details ?? []).join(' | ')),
    facts: map((c) => c.additional_info as { [name: string]: unknown }),
  };
}

test('a node where all is well', async () => {
  const { exitCode, results, details, facts } = await check();
  expect({
    bad: Object.entries(results).filter(([, r]) => r !== 'ok'),
    details: Object.values(details).filter((d) => d !== ''),
  }).toEqual({ bad: [], details: [] });
  expect(exitCode).toBe(0);
  expect(Object.keys(results).length).toBe(26);
  expect(facts['mcc-content']).toMatchObject({ status: 200, bytes: 969_710 });
  expect(Math.abs(facts['host-local-time']?.offset_ms as number)).toBeLessThan(2_000);
}, 90_000);

test('as text', async () => {
  const { exitCode, stdout } = await runCli(
    [
      '--instance',
      node.instance,
      'check',
      '--config-file',
      node.configFile,
      '--dont-run',
      'container-default-connect-upstream-mqtt',
      'container-default-connect-upstream-https',
      '--diagnostics-image-name',
      node.image,
    ],
    { clock: systemClock },
  );
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^\nConfiguration checks\n-{20}\n√ aziot-edged configuration is well-formed - OK\n/);
  expect(stdout).toMatch(/\n24 check\(s\) succeeded\.\n$/);
}, 90_000);

test('faults that leave the node running, each told by its own check', async () => {
  const caFile = join(node.directory, 'ca.pem');
  const good = await readFile(caFile, 'utf8');
  await writeFile(caFile, (await TestCa.create('somebody else')).pem);
  await node.writeConfig('[proxy]\nhttps_proxy = ""\n');
  const later = new Date(Date.now() + 3_600_000);
  await utimes(node.configFile, later, later);
  await node.docker.getContainer(`${node.instance}-MCC`).stop({ t: 0 });
  await node.run(`${node.instance}-chatty`, 'setInterval(() => {}, 1e6)', {
    logConfig: { Type: 'json-file', Config: {} },
  });
  node.daemon.modules.get('MCC')!.status.runtimeStatus.status = 'failed';
  try {
    const { exitCode, results, details } = await check('--expected-aziot-edged-version', '9.9.9');
    expect(exitCode).toBe(1);
    const expected: { [id: string]: [string, RegExp] } = {
      'config-up-to-date': ['warning', /Restart the daemon to apply it: docker restart wayside-daemon-/],
      'aziot-edge-version': ['warning', /version 0\.1\.0, wanted 9\.9\.9/],
      'modules-running': ['warning', /MCC is failed/],
      'host-local-time': ['warning', /Could not ask/],
      'container-engine-logrotate': ['warning', /chatty \(json-file\)/],
      'host-connect-iothub-https': ['error', /certificate/],
      'container-connect-upstream-mqtt': ['error', /certificate/],
      'container-default-connect-upstream-https': ['error', /certificate/],
      'mcc-ports': ['error', /MCC is not running/],
    };
    for (const [id, [result, text]] of Object.entries(expected)) {
      expect([id, results[id]]).toEqual([id, result]);
      expect(details[id]).toMatch(text);
    }
    for (const id of ['mcc-content', 'mcc-operations', 'mcc-drives'])
      expect([id, results[id]]).toEqual([id, 'skipped']);
    expect(results['container-engine-uri']).toBe('ok');
  } finally {
    await writeFile(caFile, good);
  }
}, 90_000);

test('an ended certificate of edgeHub, a lost alias, an unreachable daemon', async () => {
  const hub = node.docker.getContainer(`${node.instance}-edgeHub`);
  await hub.remove({ force: true });
  const ended = await ca.issue(['node1'], -86_400_000);
  await node.run(
    `${node.instance}-edgeHub`,
    `require('node:tls').createServer({ cert: process.env.CERT, key: process.env.KEY }, () => {}).listen(8883)`,
    {
      env: { CERT: ended.chain, KEY: ended.privateKey },
    },
  );
  await node.daemon.close();
  try {
    const { results, details } = await check(
      '--dont-run',
      'container-default-connect-upstream-mqtt',
      'container-default-connect-upstream-https',
    );
    expect(details['edge-ca-certificate-expiry']).toMatch(/No module can connect to edgeHub: ended is CN=node1/);
    expect(results.hostname).toBe('warning');
    expect(details.hostname).toMatch(/does not answer to "node1"/);
    expect(results['edge-hub-storage-mounted-from-host']).toBe('warning');
    expect(results['connect-management-uri']).toBe('error');
    expect(results['aziot-edge-version']).toBe('skipped');
  } finally {
    const { startDaemonServer } = await import('./daemon-server.ts');
    node.daemon = await startDaemonServer(`${node.runDir}/mgmt/mgmt.sock`);
  }
}, 90_000);

test('an engine that is not there', async () => {
  await node.writeConfig('[moby_runtime]\nuri = "unix:///nonexistent/docker.sock"\n');
  const { results, details } = await check();
  expect(results['container-engine-uri']).toBe('error');
  expect(details['container-engine-uri']).toMatch(
    /Could not communicate with the container engine at unix:\/\/\/nonexistent/,
  );
  expect(results['container-engine-logrotate']).toBe('skipped');
  expect(results['host-connect-iothub-mqtt']).not.toBe('skipped');
}, 60_000);
