// Routing at full size: build, lookups, decisions, updates and memory of the table, and a start from the store. Prints a table in Markdown.
// Usage: node modules/cloud/bench/routing.ts [prefixes, default 1000000] [--store]

import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, systemClock } from '@wayside/kit';
import { Accounts } from '../src/accounts/accounts.ts';
import { formatIpPrefix, type IpPrefix, maskWords } from '../src/addresses/ip-prefix.ts';
import { FIELD_DEFAULTS } from '../src/nodes/node-fields.ts';
import type { NodeRecord } from '../src/nodes/node-record.ts';
import { insertNode } from '../src/nodes/node-rows.ts';
import type { NodeTableMap } from '../src/nodes/tables.ts';
import { openRouting } from '../src/routing/open-routing.ts';
import { putPrefixes } from '../src/routing/prefix-rows.ts';
import { openStore } from '../src/store/open-store.ts';

const PREFIXES = Number(process.argv[2]?.replace(/^--.*/, '') || 1_000_000);
const NODES = 100;
const SEED = 20_260_101;
const LOOKUPS = 3_000_000;
const UPDATES = 100_000;
const ROUNDS = 3;
/** Shares of prefix lengths in the public IPv4 table, roughly. */
const LENGTHS: readonly [length: number, share: number][] = [
  [24, 0.6],
  [23, 0.1],
  [22, 0.11],
  [21, 0.05],
  [20, 0.05],
  [19, 0.03],
  [18, 0.02],
  [16, 0.03],
  [12, 0.01],
];

let state = SEED;
function random(): number {
  state = (state + 0x6d2b79f5) | 0;
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return (mixed ^ (mixed >>> 14)) >>> 0;
}

function randomPrefix(): IpPrefix {
  let share = random() / 2 ** 32;
  let length = 24;
  for (const [candidate, part] of LENGTHS) {
    length = candidate;
    share -= part;
    if (share < 0) break;
  }
  const word = 0x01000000 + (random() % 0xde000000);
  return { family: 4, length, words: maskWords([word], length) };
}

function distinctPrefixes(): IpPrefix[] {
  const seen = new Set<number>();
  const prefixes: IpPrefix[] = [];
  while (prefixes.length < PREFIXES) {
    const prefix = randomPrefix();
    const key = prefix.words[0]! * 64 + prefix.length;
    if (seen.has(key)) continue;
    seen.add(key);
    prefixes.push(prefix);
  }
  return prefixes;
}

const rows: [string, string][] = [];
const tell = (what: string, figure: string) => void rows.push([what, figure]);
const perSecond = (count: number, ms: number) => `${Math.round((count / ms) * 1000).toLocaleString('en')} /s`;

/** Processor milliseconds of the best of some rounds: other work on the machine only slows down. */
function best(work: () => void): number {
  let ms = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round += 1) {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    ms = Math.min(ms, (user + system) / 1000);
  }
  return ms;
}

const folder = mkdtempSync(join(tmpdir(), 'wayside-bench-'));
try {
  const db = (await openStore(join(folder, 'cloud.db'))).withTables<NodeTableMap>();
  const accounts = await Accounts.open(db, systemClock, 'c0000000-0000-4000-8000-000000000000');
  await accounts.change(accounts.defaultId, { ipv4AddressesMax: 2 ** 32 });
  const records: NodeRecord[] = Array.from({ length: NODES }, (_, index) => ({
    ...{ ...FIELD_DEFAULTS, name: `node${index}`, ipAddress: `10.0.0.${index}`, prefixSource: 'bgp' as const },
    ...{ cacheNodeId: `n${index}`, customerId: accounts.defaultId, customerKey: 'k', createdAtMs: 0, updatedAtMs: 0 },
    ...{
      provisionedAtMs: null,
      provisionedHost: null,
      importedAtMs: null,
      moduleVersion: null,
      updateState: {},
      bgpPasswords: {},
    },
  }));
  for (const record of records) await insertNode(db, record);
  const parts = { db, clock: systemClock, logger: silentLogger, accounts };
  const { routing, book, onJudged } = await openRouting(parts, records);
  for (const { name } of records) onJudged(name, { state: 'Healthy', reasons: [] });
  const nodes = routing.nodes();
  const prefixes = distinctPrefixes();
  const rssBefore = process.memoryUsage().rss;
  const startedAt = process.cpuUsage();
  // Every prefix at two nodes of its region, as operators announce them.
  for (const prefix of prefixes) {
    const first = (prefix.words[0]! >>> 20) % NODES;
    book.claims.add(prefix, nodes[first]!);
    book.claims.add(prefix, nodes[(first + 1) % NODES]!);
  }
  const built = process.cpuUsage(startedAt);
  const buildMs = (built.user + built.system) / 1000;
  tell(
    `build, ${PREFIXES.toLocaleString('en')} prefixes x 2 nodes`,
    `${(buildMs / 1000).toFixed(2)} s, ${perSecond(PREFIXES * 2, buildMs)}`,
  );
  tell(
    'memory of the table',
    `${(routing.bytes / 1e6).toFixed(0)} MB (${(routing.bytes / PREFIXES).toFixed(0)} bytes a prefix)`,
  );
  tell('resident memory more than before', `${((process.memoryUsage().rss - rssBefore) / 1e6).toFixed(0)} MB`);

  const probes = Uint32Array.from({ length: 2 ** 20 }, () => random());
  const address = { family: 4 as const, words: [0] };
  let found = 0;
  const over = (look: () => unknown) => () => {
    for (let i = 0; i < LOOKUPS; i += 1) {
      address.words[0] = probes[i & (probes.length - 1)]!;
      if (look() !== undefined) found += 1;
    }
  };
  // Figures are of one processor second, so that a busy machine does not count.
  tell('longest prefix match alone', perSecond(LOOKUPS, best(over(() => book.claims.longest(address)))));
  tell(
    'lookup with the decision (2 nodes, shares, health)',
    perSecond(LOOKUPS, best(over(() => routing.route(address)))),
  );
  for (const node of nodes)
    if (node.number % 2 === 0)
      onJudged(node.name, {
        state: 'Unhealthy',
        reasons: [{ code: 'HeartbeatLost', subject: '', text: '', sinceMs: 0 }],
      });
  tell('the same with every second node down', perSecond(LOOKUPS, best(over(() => routing.route(address)))));
  for (const node of nodes)
    onJudged(node.name, {
      state: 'Unhealthy',
      reasons: [{ code: 'HeartbeatLost', subject: '', text: '', sinceMs: 0 }],
    });
  tell(
    'the same with every node down (all shorter prefixes tried)',
    perSecond(LOOKUPS, best(over(() => routing.route(address)))),
  );
  for (const node of nodes) onJudged(node.name, { state: 'Healthy', reasons: [] });
  const explained = LOOKUPS / 30;
  tell(
    'lookup with its explanation',
    perSecond(
      explained,
      best(() => {
        for (let i = 0; i < explained; i += 1) routing.explain({ family: 4, words: [probes[i]!] });
      }),
    ),
  );

  const changed = prefixes.slice(0, UPDATES);
  const delays = new Float64Array(UPDATES * 2);
  const changeMs = best(() => {
    for (const [index, prefix] of changed.entries()) {
      const node = book.claims.at(prefix)[0]!;
      const at = performance.now();
      book.claims.remove(prefix, node);
      const between = performance.now();
      book.claims.add(prefix, node);
      delays[index * 2] = between - at;
      delays[index * 2 + 1] = performance.now() - between;
    }
  });
  delays.sort();
  const p999 = delays[Math.floor(delays.length * 0.999)]! * 1000;
  tell('changes in the full table', `${perSecond(UPDATES * 2, changeMs)}, p99.9 ${p999.toFixed(0)} us`);

  if (process.argv.includes('--store')) {
    const row = {
      source: 'bgp' as const,
      sinceMs: 0,
      state: 'approved' as const,
      code: '' as const,
      feedback: '',
      originAsn: 65_001,
    };
    const writeMs = await timed(() =>
      db.transaction().execute((trx) =>
        putPrefixes(
          trx,
          prefixes.map((prefix, index) => ({
            ...row,
            nodeName: `node${index % NODES}`,
            prefix: formatIpPrefix(prefix),
          })),
        ),
      ),
    );
    tell('first write of all prefixes to the store', `${(writeMs / 1000).toFixed(1)} s`);
    const loadMs = await timed(() => openRouting(parts, records));
    tell('start: table from the store', `${(loadMs / 1000).toFixed(1)} s, ${perSecond(PREFIXES, loadMs)}`);
  }
  await db.destroy();
  const [cpu] = cpus();
  const lines = rows.map(([what, figure]) => `| ${what} | ${figure} |`);
  const head = `${cpu?.model ?? 'unknown processor'}, one thread, processor time, Node ${process.version}, seed ${SEED}, ${found} hits`;
  process.stdout.write([head, '', '| routing | figure |', '| --- | --- |', ...lines, ''].join('\n'));
} finally {
  rmSync(folder, { recursive: true });
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
