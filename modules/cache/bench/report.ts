// docs/benchmarks.md: the figures of one run as tables, with the machine, the versions and the date, and how far ours is from the peers.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import type { HitRow } from './hits.ts';
import type { CrowdRow, Misses } from './misses.ts';

export interface ServerResult {
  name: string;
  version: string;
  hits: HitRow[] | undefined;
  misses: Misses | undefined;
}

export interface RunFacts {
  atUtc: string;
  isQuick: boolean;
  secsPerLoad: number;
  congestionControl: string;
  isPinned: boolean;
  loadAverage: number;
  /** Sentences about what was not measured and why. */
  left: string[];
}

const number = (value: number, digits = 0) => (Number.isFinite(value) ? value.toFixed(digits) : '-');

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n');
}

export function machineLine(): string {
  const [first] = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  const distribution = /PRETTY_NAME="([^"]*)"/.exec(
    spawnSync('cat', ['/etc/os-release'], { encoding: 'utf8' }).stdout,
  )?.[1];
  return `${first?.model.trim()}, ${cpus().length} cores, ${memory} GiB, ${distribution}, Linux ${release()}`;
}

function hitTables(results: readonly ServerResult[]): string {
  const measured = results.filter(({ hits }) => hits !== undefined);
  const of = (result: ServerResult, load: string) => result.hits?.find((row) => row.load.startsWith(load));
  const rows = measured.map((result) => {
    const [small, middle, range, large] = ['4 KiB', '64 KiB', '1 MiB', '100 MiB'].map(
      (load) => of(result, load) as HitRow,
    );
    if (small === undefined || middle === undefined || range === undefined || large === undefined) return [result.name];
    return [
      result.name,
      number(small.requestsPerSec),
      number(small.cpuUsPerRequest, 1),
      number(middle.requestsPerSec),
      number(middle.cpuUsPerRequest, 1),
      number(range.megabytesPerSec),
      `**${number(range.cpuSecsPerGib, 3)}** (${number(range.cpuUserPerGib, 3)} + ${number(range.cpuSystemPerGib, 3)})`,
      number(range.p99Ms),
      number(large.megabytesPerSec),
      `**${number(large.cpuSecsPerGib, 3)}**`,
      number(Math.max(...(result.hits ?? []).map(({ rssMib }) => rssMib))),
      String((result.hits ?? []).reduce((sum, { errors, originRequests }) => sum + errors + originRequests, 0)),
    ];
  });
  if (rows.length === 0) return '';
  return `## Hits\n\n${table(
    [
      'server',
      '4 KiB req/s',
      'CPU µs each',
      '64 KiB req/s',
      'CPU µs each',
      '1 MiB ranges MB/s',
      'CPU s/GiB (user + system)',
      'p99 ms',
      '100 MiB MB/s',
      'CPU s/GiB',
      'RSS MiB',
      'errors + origin requests',
    ],
    rows,
  )}`;
}

function crowdTable(results: readonly ServerResult[], pick: (misses: Misses) => CrowdRow): string {
  const rows = results.flatMap(({ name, misses }) => {
    if (misses === undefined) return [];
    const row = pick(misses);
    return [
      [
        name,
        `${number(row.firstByteP50Ms, 1)} / ${number(row.firstByteP99Ms, 1)}`,
        `${number(row.doneP50Ms)} / ${number(row.doneP99Ms)}`,
        `${row.answered} / ${row.failed}`,
        String(row.originRequests),
        `${number(row.originMib)} / ${row.usefulMib}`,
        number(row.cpuSecs, 2),
        String(row.wrong),
      ],
    ];
  });
  return table(
    [
      'server',
      'first byte p50 / p99 ms',
      'done p50 / p99 ms',
      'answered / failed',
      'origin requests',
      'origin / useful MiB',
      'CPU s',
      'wrong',
    ],
    rows,
  );
}

function missTables(results: readonly ServerResult[]): string {
  const measured = results.flatMap(({ name, misses }) => (misses === undefined ? [] : [{ name, ...misses }]));
  if (measured.length === 0) return '';
  return `## Misses (the origin sends 50 MB/s in all)

200 clients, one cold object of 64 MiB (ideal: 64 MiB, 1.34 s)

${crowdTable(results, ({ crowd }) => crowd)}

200 clients, 200 different ranges of 1 MiB of a cold object of 256 MiB (ideal: 200 MiB, 4.2 s)

${crowdTable(results, ({ ranges }) => ranges)}

One range of 1 MiB at 200 MiB of a cold object of 256 MiB, then the same again

${table(
  ['server', 'first byte ms', 'done ms', 'origin MiB', 'again: origin MiB', 'again ms'],
  measured.map(({ name, oneRange: row }) => [
    name,
    number(row.firstByteMs, 1),
    number(row.doneMs),
    number(row.originMib, 1),
    number(row.againOriginMib, 1),
    number(row.againMs, 1),
  ]),
)}

A client that leaves after 32 MiB of a cold object of 256 MiB, then another that reads the whole

${table(
  ['server', 'origin MiB when it left', '1.5 s later', 'in the end', 'then, for the whole'],
  measured.map(({ name, abort: row }) => [
    name,
    number(row.originMibAtAbort, 1),
    number(row.later, 1),
    number(row.inTheEnd, 1),
    number(row.againOriginMib, 1),
  ]),
)}

Cold objects of 4 KiB, 64 connections, an origin without a limit

${table(
  ['server', 'objects', 'misses/s', 'CPU µs each', 'errors'],
  measured.map(({ name, fill: row }) => [
    name,
    String(row.objects),
    number(row.perSec),
    number(row.cpuUsEach),
    String(row.errors),
  ]),
)}

Restart with those objects

${table(
  ['server', 'signal', 'stop and start ms', 'first answer ms', 'hit ratio at once', 'errors', 'wrong'],
  measured.flatMap(({ name, restarts }) =>
    restarts.map((row) => [
      name,
      row.signal,
      number(row.stopAndStartMs),
      number(row.firstAnswerMs),
      number(row.hitRatio, 4),
      String(row.errors),
      String(row.wrong),
    ]),
  ),
)}`;
}

/** Ours as a share of each peer's figure, less is better. */
function ratioTable(results: readonly ServerResult[]): string {
  const ours = results.find(({ name }) => name === 'wayside');
  const peers = results.filter(({ name }) => name !== 'wayside');
  const figures: [string, (result: ServerResult) => number | undefined][] = [
    ['1 MiB ranges, CPU s/GiB', ({ hits }) => hits?.[2]?.cpuSecsPerGib],
    ['100 MiB, CPU s/GiB', ({ hits }) => hits?.[3]?.cpuSecsPerGib],
    ['64 KiB, CPU µs', ({ hits }) => hits?.[1]?.cpuUsPerRequest],
    ['4 KiB, CPU µs', ({ hits }) => hits?.[0]?.cpuUsPerRequest],
    ['crowd, first byte p99', ({ misses }) => misses?.crowd.firstByteP99Ms],
    ['crowd, done p99', ({ misses }) => misses?.crowd.doneP99Ms],
    ['4 KiB misses, CPU µs', ({ misses }) => misses?.fill.cpuUsEach],
    ['first answer after KILL', ({ misses }) => misses?.restarts[1]?.firstAnswerMs],
  ];
  if (ours === undefined || peers.length === 0) return '';
  const rows = figures.map(([name, of]) => {
    const own = of(ours);
    return [name, ...peers.map((peer) => number((own ?? Number.NaN) / (of(peer) ?? Number.NaN), 2))];
  });
  return `## Ours as a share of the peers' (below 1 is better)\n\n${table(['work', ...peers.map(({ name }) => name)], rows)}`;
}

/** What other benches wrote below ours into the same page. */
export function sectionsOfOthers(file: string): string {
  const page = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const start = page.search(/^# (?!Benchmarks$)/m);
  return start < 0 ? '' : `\n${page.slice(start)}`;
}

export function renderReport(facts: RunFacts, results: readonly ServerResult[]): string {
  const versions = results.map(({ name, version }) => `${name} (${version})`).join(', ');
  return `# Benchmarks

Written by \`npm run bench cache\`${facts.isQuick ? ' `-- --quick`' : ''} on ${facts.atUtc}; do not edit.

- Machine: ${machineLine()}; load average at the start ${number(facts.loadAverage, 2)}.
- Servers: ${versions}. ${facts.left.join(' ')}
- ${facts.isPinned ? 'Each server on core 0, load generator and origin on core 1' : 'Nothing pinned (one core)'}; TCP ${facts.congestionControl} over loopback; 64 connections, ${facts.secsPerLoad} s a load.
- CPU is user + system of all processes of a server from /proc: figures of one run compare, differences below 20 % mean little on a shared machine, and rates less than CPU.
- Before each timing every object and ${400} ranges were read and checked byte by byte. How: \`modules/cache/bench/\`.

${[hitTables(results), missTables(results), ratioTable(results)].filter(Boolean).join('\n\n')}
`;
}
