// Hits: four loads on a cache that holds everything, with the CPU that its processes took for them. Every object is read and checked before.

import type { Load, LoadResult } from './load.ts';
import type { Origin } from './origin-control.ts';
import { UNLIMITED_MB_PER_SEC } from './origin-control.ts';
import type { ServerProcess } from './processes.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const CONNECTIONS = 64;
const WARM_TIMEOUT_S = '300';
const VERIFIED_RANGES = 400;

export interface HitRow {
  load: string;
  requestsPerSec: number;
  megabytesPerSec: number;
  cpuUsPerRequest: number;
  cpuSecsPerGib: number;
  cpuUserPerGib: number;
  cpuSystemPerGib: number;
  p99Ms: number;
  firstByteP99Ms: number;
  errors: number;
  originRequests: number;
  rssMib: number;
}

const LOADS: readonly [name: string, ...options: string[]][] = [
  ['4 KiB', '-p', `/obj/4096/hit`],
  ['64 KiB', '-p', `/obj/65536/hit`],
  ['1 MiB ranges of 1 GiB', '-p', `/obj/${GIB}/hit`, '-r', `${MIB}:${GIB}`],
  ['100 MiB', '-p', `/obj/${100 * MIB}/hit`],
];

function expectSound(what: string, { errors, wrong, notPartial, requests }: LoadResult): void {
  if (errors + wrong + notPartial > 0 || requests === 0)
    throw new Error(
      `${what}: ${errors} errors, ${wrong} wrong bodies, ${notPartial} answers without the range, ${requests} answers`,
    );
}

/** Brings everything in, twice, and checks every byte of it. */
async function warm(load: Load, origin: Origin): Promise<void> {
  await origin.setRate(UNLIMITED_MB_PER_SEC);
  for (const size of [4096, 65_536, 100 * MIB, GIB]) {
    for (let i = 0; i < 2; i += 1)
      expectSound(
        `warming ${size}`,
        await load.run('-c', '1', '-n', '1', '-t', WARM_TIMEOUT_S, '-p', `/obj/${size}/hit`, '-v'),
      );
  }
  const ranges = ['-p', `/obj/${GIB}/hit`, '-r', `${MIB}:${GIB}:shuffled`, '-t', WARM_TIMEOUT_S];
  expectSound('all ranges', await load.run('-c', '4', '-n', '1024', ...ranges));
  expectSound('checking ranges', await load.run('-c', '8', '-n', String(VERIFIED_RANGES), ...ranges, '-v'));
  await origin.settle(60_000);
}

export async function measureHits(server: ServerProcess, load: Load, origin: Origin, secs: number): Promise<HitRow[]> {
  await warm(load, origin);
  const rows: HitRow[] = [];
  for (const [name, ...options] of LOADS) {
    await load.run('-c', String(CONNECTIONS), '-d', '1', ...options);
    await origin.reset();
    const before = server.cpu;
    const result = await load.run('-c', String(CONNECTIONS), '-d', String(secs), ...options);
    const after = server.cpu;
    const [user, system] = [after.user - before.user, after.system - before.system];
    const gib = result.bytes / GIB;
    rows.push({
      load: name,
      requestsPerSec: result.requests / result.secs,
      megabytesPerSec: result.bytes / 1e6 / result.secs,
      cpuUsPerRequest: ((user + system) * 1e6) / result.requests,
      cpuSecsPerGib: (user + system) / gib,
      cpuUserPerGib: user / gib,
      cpuSystemPerGib: system / gib,
      p99Ms: result.latencyMs.p99,
      firstByteP99Ms: result.firstByteMs.p99,
      errors: result.errors,
      originRequests: (await origin.figures()).requests,
      rssMib: server.rssMib,
    });
  }
  return rows;
}
