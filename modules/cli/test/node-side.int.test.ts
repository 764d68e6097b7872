// The node commands against a real unix socket that speaks the management API.

import { chmod, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import yauzl, { type Entry } from 'yauzl';
import { ZipFile } from 'yazl';
import { aRunningModule, type DaemonServer, startDaemonServer } from './daemon-server.ts';
import { NOW_MS, runCli } from './test-io.ts';

let directory: string;
let daemon: DaemonServer;
let host: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wayside-cli-'));
  const socket = join(directory, 'mgmt.sock');
  daemon = await startDaemonServer(socket);
  host = `unix://${socket}`;
});
afterEach(async () => {
  await daemon.close();
  await rm(directory, { recursive: true });
});

const cli = (...args: string[]): ReturnType<typeof runCli> => runCli(args, { env: { IOTEDGE_HOST: host } });

function frame(stream: number, payload: string): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, Buffer.from(payload)]);
}

describe('list', () => {
  test('prints the table', async () => {
    for (const name of ['edgeHub', 'MCC', 'edgeAgent'])
      daemon.modules.set(name, aRunningModule(name, new Date(NOW_MS - 300_000).toISOString()));
    const { exitCode, stdout, stderr } = await cli('list');
    expect(stdout).toBe(
      [
        'NAME             STATUS           DESCRIPTION      Config',
        'MCC              running          Up 5 minutes     wayside/MCC:1',
        'edgeAgent        running          Up 5 minutes     wayside/edgeAgent:1',
        'edgeHub          running          Up 5 minutes     wayside/edgeHub:1',
        '',
      ].join('\n'),
    );
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  });

  test('-H outranks the environment', async () => {
    const { stderr } = await cli('-H', `unix://${directory}/none.sock`, 'list');
    expect(stderr).toMatch(/the socket is missing/);
    expect(stderr).toMatch(/\n\tcaused by: connect ENOENT .*none\.sock\n\n$/);
  });

  test('says what to do when the daemon is gone but its socket is not', async () => {
    const left = join(directory, 'left.sock');
    const other = await startDaemonServer(left);
    // A killed process leaves its socket file: the same is a file nobody listens on.
    await rename(left, `${left}.kept`);
    await other.close();
    const { exitCode, stderr } = await cli('-H', `unix://${left}.kept`, 'list');
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/the daemon is stopped: start its container/);
  });
});

describe('restart', () => {
  beforeEach(() => {
    daemon.modules.set('MCC', aRunningModule('MCC', '2026-11-22T11:00:00Z'));
  });

  test('stops, starts, says so', async () => {
    expect(await cli('restart', 'MCC')).toEqual({ exitCode: 0, stdout: 'Restarted MCC\n\n', stderr: '' });
    expect(daemon.calls).toEqual(['POST /modules/MCC/stop', 'POST /modules/MCC/start']);
  });

  test('a failed stop is a warning', async () => {
    daemon.stopFails = true;
    const { exitCode, stdout, stderr } = await cli('restart', 'MCC');
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: 'Restarted MCC\n\n' });
    expect(stderr).toBe(
      'warn: MCC was not stopped gracefully: Cannot stop module MCC: the daemon answered 500: engine is busy\n',
    );
  });

  test('an unknown module fails with the cause of the daemon', async () => {
    const { exitCode, stderr } = await cli('restart', 'nope');
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(
      /Cannot start module nope: the daemon answered 404 \[CLI_DAEMON_REFUSED\]\n\tcaused by: module nope not found\n\n$/,
    );
  });

  test('a name is one path segment, whatever is in it', async () => {
    await cli('restart', '../systeminfo?x=1#');
    expect(daemon.calls).toEqual([
      'POST /modules/..%2Fsysteminfo%3Fx%3D1%23/stop',
      'POST /modules/..%2Fsysteminfo%3Fx%3D1%23/start',
    ]);
  });
});

describe('logs', () => {
  beforeEach(() => {
    daemon.modules.set('MCC', aRunningModule('MCC', '2026-11-22T11:00:00Z'));
  });

  test('separates the streams and asks for the last day', async () => {
    daemon.logs.set('MCC', { bytes: Buffer.concat([frame(1, 'out\n'), frame(2, 'err\n')]), open: false });
    expect(await cli('logs', 'MCC')).toEqual({ exitCode: 0, stdout: 'out\n', stderr: 'err\n' });
    expect(daemon.calls).toEqual([
      `GET /modules/MCC/logs?follow=false&tail=all&since=${NOW_MS / 1000 - 86_400}&timestamps=false`,
    ]);
  });

  test('passes tail, since and until', async () => {
    await cli('logs', 'MCC', '--tail', '5', '--since', '2 hours', '--until', '2026-11-22T11:59:00Z');
    expect(daemon.calls).toEqual([
      `GET /modules/MCC/logs?follow=false&tail=5&since=${NOW_MS / 1000 - 7200}&until=${NOW_MS / 1000 - 60}&timestamps=false`,
    ]);
  });

  test('--follow goes on until it is stopped', async () => {
    daemon.logs.set('MCC', { bytes: frame(1, 'first\n'), open: true });
    const stop = new AbortController();
    const ran = await runCli(['logs', 'MCC', '-f'], {
      env: { IOTEDGE_HOST: host },
      signal: stop.signal,
      onStdout: (out) => {
        if (out.includes('first')) stop.abort();
      },
    });
    expect(ran).toEqual({ exitCode: 0, stdout: 'first\n', stderr: '' });
  });
});

describe('support-bundle', () => {
  async function entries(path: string): Promise<{ [name: string]: string }> {
    const reader = await yauzl.openPromise(path, { lazyEntries: true });
    const found: { [name: string]: string } = {};
    for await (const entry of reader.eachEntry() as AsyncIterable<Entry>)
      found[entry.fileName] = await text(await reader.openReadStreamPromise(entry));
    return found;
  }

  beforeEach(async () => {
    const zip = new ZipFile();
    zip.addBuffer(Buffer.from('a log\n'), 'logs/MCC_log.txt');
    zip.end();
    daemon.bundle = await buffer(zip.outputStream);
  });

  test("holds the daemon's files and check.json", async () => {
    const path = join(directory, 'b.zip');
    const { exitCode, stdout } = await cli('--instance', 'nothing-here', 'support-bundle', '-o', path);
    expect({ exitCode, stdout }).toEqual({
      exitCode: 0,
      stdout: `Making support bundle\nCreated support bundle at ${path}\n`,
    });
    const found = await entries(path);
    expect(found['logs/MCC_log.txt']).toBe('a log\n');
    const report = JSON.parse(found['check.json']!);
    expect(report.checks['aziot-edged-config-well-formed'].result.result).toBe('fatal');
    expect(report.additional_info).toMatchObject({ aziot_edged_version: '0.1.0', system_info: { total_ram: 4 } });
    expect((await stat(path)).mode & 0o077).toBe(0);
  });

  test('-q says nothing; -o - writes the zip itself', async () => {
    const path = join(directory, 'q.zip');
    expect((await cli('--instance', 'none', 'support-bundle', '-q', '-e', '-o', path)).stdout).toBe('');
    expect(daemon.calls[0]).toContain('edge_runtime_only=true');
    const { stdout, stderr } = await cli('--instance', 'none', 'support-bundle', '-o', '-');
    expect(stdout.startsWith('PK')).toBe(true);
    expect(stderr).toBe('Making support bundle\nCreated support bundle at stdout\n');
  });

  test('a broken archive is an error and leaves no file behind in the way', async () => {
    daemon.bundle = Buffer.from('no zip');
    const { exitCode, stderr } = await cli('support-bundle', '-o', join(directory, 'x.zip'));
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/Cannot write the support bundle to .*x\.zip \[CLI_BUNDLE_FAILED\]/);
  });
});

test('check stops at a configuration that this user may not read', async () => {
  const file = join(directory, 'config.toml');
  await writeFile(file, 'hostname = "n"');
  await chmod(file, 0o000);
  if (process.getuid?.() === 0) {
    // Root reads everything: the file's own problems are named instead, all of them.
    const { exitCode, stdout } = await cli('check', '--config-file', file);
    expect(exitCode).toBe(1);
    expect(stdout).toContain('provisioning: is missing');
  } else
    expect((await cli('check', '--config-file', file)).stdout).toContain('You might need to run this command as root.');
});
