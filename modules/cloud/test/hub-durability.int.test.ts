// Persist, then acknowledge: a hub that is killed in the middle of its work holds all that it acknowledged (DESIGN 4.5).

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createLogger, systemClock } from '@wayside/kit';
import { createPlatform } from '../src/create-platform.ts';

const ACKNOWLEDGED_BEFORE_KILL = 500;
const ROUNDS = 3;
let folder: string;
let child: ChildProcess | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wayside-durable-'));
});
afterEach(() => {
  child?.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** Runs the child until it acknowledged so much, kills it, and returns the highest numbers it printed. */
async function runAndKill(dbPath: string): Promise<{ seqs: number[]; version: number }> {
  const started = spawn('node', [new URL('./hub-child.ts', import.meta.url).pathname, dbPath], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child = started;
  let text = '';
  const enough = new Promise<void>((resolve, reject) => {
    started.on('exit', (code) => reject(new Error(`The child ended by itself with ${code}`)));
    started.stdout.on('data', (chunk) => {
      text += String(chunk);
      if (text.split('\n').length > ACKNOWLEDGED_BEFORE_KILL) resolve();
    });
  });
  await enough;
  started.removeAllListeners('exit');
  started.kill('SIGKILL');
  await once(started, 'close');
  const numbers = (word: string) =>
    [...text.matchAll(new RegExp(`^${word} (\\d+)\\n`, 'gm'))].map((match) => Number(match[1]));
  return { seqs: numbers('message'), version: Math.max(...numbers('version')) };
}

test('kill -9 loses nothing that was acknowledged, round after round', async () => {
  const dbPath = join(folder, 'cloud.db');
  const acknowledged: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const { seqs, version } = await runAndKill(dbPath);
    acknowledged.push(...seqs);
    const platform = await createPlatform({
      dbPath,
      clock: systemClock,
      logger: createLogger({ module: 'test', stream: new Writable({ write: (_c, _e, done) => done() }) }),
      hostNames: ['localhost'],
    });
    const held = new Set(
      (await platform.queryTelemetry('d', { afterSeq: 0, limit: 10_000 })).map((message) => message.seq),
    );
    const twin = await platform.getTwin('d');
    await platform.close();
    expect(acknowledged.filter((seq) => !held.has(seq))).toEqual([]);
    expect(twin?.reportedVersion).toBeGreaterThanOrEqual(version);
  }
  expect(acknowledged.length).toBeGreaterThan(ACKNOWLEDGED_BEFORE_KILL);
}, 60_000);
