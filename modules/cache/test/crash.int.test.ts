// Row 74, and must show, line 3: kill -9 under write load. No client ever gets a wrong byte, and what was said to be stored is a hit afterwards.

import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { draw, faultOf, KilledCache } from './killed-cache.ts';
import { eventually } from './test-cache.ts';
import { TestOrigin } from './test-origin.ts';

const MIB = 1024 * 1024;
const KILLS = 20;
const CLIENTS = 6;
/** Objects that each life of the process can fetch anew. */
const OBJECTS_A_ROUND = 120;
/** Hits looked at after each restart, besides those of the last life. */
const OLD_HITS_A_ROUND = 25;

let origin: TestOrigin;
let bodies: Buffer[];
let directory: string;

beforeAll(async () => {
  origin = new TestOrigin();
  await origin.start();
  const sizes = [1, 900, 4096, 4097, 30_000, 65_536, 65_537, 150_000, MIB - 1, MIB, MIB + 1, 2 * MIB + 777];
  bodies = sizes.map((size, i) => origin.add(`/body/${i}`, size));
}, 30_000);

afterAll(() => origin.stop());

/** The truth of a path: what its number says. */
const truthOf = (path: string) => bodies[Number(path.split('/').at(-1)) % bodies.length] as Buffer;

function addRound(round: number): string[] {
  return Array.from({ length: OBJECTS_A_ROUND }, (_, i) => {
    const path = `/round/${round}/${i}`;
    origin.add(path, 0, { body: truthOf(path) });
    return path;
  });
}

/** Clients that draw until the process is gone; returns what was wrong. */
async function load(
  port: number,
  paths: readonly string[],
  isOver: () => boolean,
  onDrawn: () => void = () => {},
): Promise<string[]> {
  const faults: string[] = [];
  let next = 0;
  const client = async (number: number) => {
    while (!isOver()) {
      // Half of the draws meet each other on one object.
      const path = paths[(number % 2 === 0 ? next++ : next) % paths.length] as string;
      const truth = truthOf(path);
      const start = number % 3 === 0 ? Math.floor(truth.length / 3) : 0;
      const end = number % 3 === 0 ? Math.max(start + 1, Math.floor((truth.length * 2) / 3)) : truth.length;
      const range: Record<string, string> =
        start === 0 && end === truth.length ? {} : { Range: `bytes=${start}-${end - 1}` };
      const drawn = await draw(port, path, range);
      const fault = faultOf(drawn, truth, start, end);
      if (fault !== undefined) faults.push(`${path}: ${fault}`);
      onDrawn();
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, i) => client(i)));
  return faults;
}

async function fileBytes(folder: string): Promise<{ files: number; bytes: number }> {
  let [files, bytes] = [0, 0];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    files += 1;
    bytes += (await stat(join(entry.parentPath, entry.name)).catch(() => ({ blocks: 0 }))).blocks * 512;
  }
  return { files, bytes };
}

test('20 kills under write load: every byte is right, what was stored is a hit at once, nothing is left over', async () => {
  directory = await mkdtemp(join(tmpdir(), 'wayside-kills-'));
  const stored = new Set<string>();
  let lastRound: string[] = [];
  const faults: string[] = [];
  const lost: string[] = [];
  const checkHits = async (port: number, keys: readonly string[]) => {
    for (const key of keys) {
      const path = key.slice(key.indexOf('/round'));
      const drawn = await draw(port, path);
      const fault = faultOf(drawn, truthOf(path));
      if (fault !== undefined) faults.push(`${path} after a kill: ${fault}`);
      if (drawn.result !== 'HIT' || !drawn.isWhole) lost.push(`${path}: ${drawn.status} ${drawn.result}`);
    }
  };
  for (let round = 0; round < KILLS; round += 1) {
    const paths = addRound(round);
    const thisRound: string[] = [];
    const cache = await KilledCache.start(`${directory},2`, origin.url, (key) => {
      stored.add(key);
      thisRound.push(key);
    });
    const old = [...stored].filter((_, i) => i % Math.ceil(stored.size / OLD_HITS_A_ROUND) === round % 3);
    await checkHits(cache.port, [...lastRound, ...old]);
    let isOver = false;
    let drawn = 0;
    const running = load(
      cache.port,
      paths,
      () => isOver,
      () => {
        drawn += 1;
      },
    );
    // At another point of the work each time; in every fourth life before anything was stored, perhaps.
    const wanted = 4 + 9 * round;
    await eventually(() => drawn >= wanted && (round % 4 === 0 || thisRound.length > 0), 60_000);
    const gone = cache.kill();
    isOver = true;
    await gone;
    faults.push(...(await running));
    lastRound = thisRound;
  }
  const last = await KilledCache.start(`${directory},2`, origin.url);
  await checkHits(last.port, [...stored]);
  expect(faults).toEqual([]);
  expect(lost).toEqual([]);
  // The load was one: many objects were stored, and not all of them.
  expect(stored.size).toBeGreaterThan(KILLS * 3);
  await last.kill('SIGTERM');
  // Every file belongs to an object: the start after a kill swept what nobody knows.
  const { files } = await fileBytes(join(directory, 'objects'));
  expect(files).toBeLessThanOrEqual(KILLS * OBJECTS_A_ROUND);
  await rm(directory, { recursive: true });
}, 400_000);

test('kills while the drive evicts: the cap holds, every byte is right', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'wayside-kills-small-'));
  const cap = 16e6;
  const faults: string[] = [];
  let most = 0;
  for (let round = 0; round < 5; round += 1) {
    const paths = addRound(100 + round);
    const cache = await KilledCache.start(`${folder},${cap / 1e9}`, origin.url);
    let isOver = false;
    let drawn = 0;
    const running = load(
      cache.port,
      paths,
      () => isOver,
      () => {
        drawn += 1;
      },
    );
    // Enough to fill the drive more than once.
    for (let wanted = 20; wanted <= 120; wanted += 20) {
      await eventually(() => drawn >= wanted, 60_000);
      most = Math.max(most, (await fileBytes(folder)).bytes);
    }
    const gone = cache.kill();
    isOver = true;
    await gone;
    faults.push(...(await running));
  }
  expect(faults).toEqual([]);
  expect(most).toBeGreaterThan(cap / 4);
  expect(most).toBeLessThanOrEqual(cap);
  await rm(folder, { recursive: true });
}, 240_000);
