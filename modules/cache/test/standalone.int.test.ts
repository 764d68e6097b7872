// `npm run cache` as README.md shows it: on free ports, with an origin of our own, until SIGTERM; and what it says to wrong arguments.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { fetchRaw, sha256 } from './test-cache.ts';
import { TestOrigin } from './test-origin.ts';

const ROOT = join(import.meta.dirname, '../../..');
const TIMEOUT_MS = 120_000;
const CONFIG_INVALID = 153;
const origin = new TestOrigin();
let folder: string;
const started: ChildProcess[] = [];

beforeAll(async () => {
  await origin.start();
  folder = await mkdtemp(join(tmpdir(), 'wayside-alone-'));
});

afterAll(async () => {
  // A test that failed may have left one: each is a process group of its own.
  for (const { pid, exitCode, signalCode } of started) {
    if (exitCode === null && signalCode === null) process.kill(-(pid as number), 'SIGKILL');
  }
  await origin.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Output so far grows in `text`; it is not split by stream, because npm mixes both. */
function start(command: string): { child: ChildProcess; text: () => string } {
  const child = spawn('bash', ['-c', `exec ${command}`], {
    cwd: ROOT,
    env: { ...process.env, NODE_OPTIONS: '', INIT_CWD: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  started.push(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (piece) => (text += piece));
  return { child, text: () => text };
}

async function serving({ child, text }: ReturnType<typeof start>): Promise<{ content: number; operations: number }> {
  for (;;) {
    const [, content, operations] =
      /Cache serves .*content=127\.0\.0\.1:(\d+) operations=127\.0\.0\.1:(\d+)/.exec(text()) ?? [];
    if (content !== undefined) return { content: Number(content), operations: Number(operations) };
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${text()}`);
    await Promise.race([once(child.stdout as never, 'data'), once(child.stderr as never, 'data'), once(child, 'exit')]);
  }
}

const [shown] = /^npm run cache .*$/m.exec(readFileSync(join(ROOT, 'README.md'), 'utf8')) ?? [];

test(
  'the command of README.md serves, makes its drive, keeps content over a restart and ends on SIGTERM',
  async () => {
    expect(shown).toMatch(/--listen 127\.0\.0\.1:8080 --origin http:\/\/127\.0\.0\.1:18090 --drive \S+,10$/);
    const drive = join(folder, 'new/drive');
    const command = `${(shown as string)
      .replace('127.0.0.1:8080', '127.0.0.1:0')
      .replace('http://127.0.0.1:18090', origin.url)
      .replace(/--drive \S+,10/, `--drive ${drive},0.1`)} --operations=127.0.0.1:0`;
    const body = origin.add('/alone', 300_000);
    for (const expected of ['MISS', 'HIT']) {
      const cache = start(command);
      const { content, operations } = await serving(cache);
      const answer = await fetchRaw(content, '/alone', 'GET', {});
      expect([answer.status, answer.headers['x-cache'], sha256(answer.body)]).toEqual([200, expected, sha256(body)]);
      expect((await fetchRaw(operations, '/healthz', 'GET', {})).status).toBe(200);
      cache.child.kill('SIGTERM');
      await once(cache.child, 'close');
      expect(existsSync(join(drive, 'objects'))).toBe(true);
      await expect(fetchRaw(content, '/alone', 'GET', {})).rejects.toThrow('ECONNREFUSED');
    }
    expect(origin.of('/alone')).toHaveLength(1);
  },
  TIMEOUT_MS,
);

test(
  'a relative drive lies where the command was given',
  async () => {
    const cache = start(
      `bash scripts/cache.sh --listen 127.0.0.1:0 --operations 127.0.0.1:0 --origin ${origin.url} --drive=here,0.1`,
    );
    await serving(cache);
    cache.child.kill('SIGTERM');
    expect(await once(cache.child, 'exit')).toEqual([0, null]);
    expect(existsSync(join(folder, 'here/objects'))).toBe(true);
  },
  TIMEOUT_MS,
);

test.each([
  ['--drive', CONFIG_INVALID, [/--drive: has no value/, /drives: is empty/]],
  ['--listen --origin http://x --drive /tmp,1', CONFIG_INVALID, [/--listen: has no value/]],
  [
    '--listn 1 --drive nonsense --origin ftp://x',
    CONFIG_INVALID,
    [/--listn: is unknown, wanted --listen/, /"nonsense", wanted pairs/, /origin: is "ftp:\/\/x", wanted/],
  ],
  ['--listen 127.0.0.1:99999 --drive /tmp,1', CONFIG_INVALID, [/listen: has port 99999, wanted at most 65535/]],
  ['8080 --drive /tmp,1', CONFIG_INVALID, [/8080: is no option, wanted --listen/]],
  ['', 2, [/--listen ADDRESS:PORT --origin URL --drive DIR,GB/]],
  ['--help', 0, [/--listen ADDRESS:PORT --origin URL --drive DIR,GB/]],
])(
  'arguments "%s" end it with %i and name every problem',
  async (line, code, texts) => {
    const { child, text } = start(`bash scripts/cache.sh ${line}`);
    expect(await once(child, 'close')).toEqual([code, null]);
    for (const expected of texts) expect(text()).toMatch(expected);
  },
  TIMEOUT_MS,
);
