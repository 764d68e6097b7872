// A full table against the module: npm run bench bgp -- [PREFIXES, default 950000]. BIRD plays the router in a namespace of its own.
// Prints the time until BIRD holds the table, until it is read, until all of it is reported, and the memory of both processes.

import { readFileSync } from 'node:fs';
import { Lab, NODE_IPV4, ROUTER_IPV4, until, whyNot } from './lab.ts';

const WAIT_MS = 600_000;
/** Distinct paths of a full table are about an eighth of its prefixes. */
const PREFIXES_PER_PATH = 8;

const prefixes = Number(process.argv[2] ?? 950_000);
const reason = whyNot();
if (reason !== undefined || !Number.isInteger(prefixes) || prefixes < 1 || prefixes > 2_000_000) {
  console.error(reason ?? `PREFIXES is "${process.argv[2]}", wanted a whole number from 1 to 2000000`);
  process.exit(1);
}

/** Blocks of /24 from 16.0.0.0 on, each few with an own path behind the router. */
function routes(count: number): string {
  const lines: string[] = [];
  for (let i = 0; i < count; i += 1) {
    const prefix = `${16 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}.0/24`;
    const path = Math.floor(i / PREFIXES_PER_PATH);
    const hops = [1 + (path % 60_000), 100_000 + (path % 997), 200_000 + (path % 31)];
    lines.push(`route ${prefix} blackhole { ${hops.map((asn) => `bgp_path.prepend(${asn});`).join(' ')} };`);
  }
  return lines.join('\n');
}

function residentMb(pid: number | string): number {
  const pages = Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]);
  return Math.round((pages * 4096) / 1e6);
}

const lab = new Lab();
try {
  const node = await lab.node();
  const limit = Math.min(2_000_000, prefixes * 2);
  await node.node.settings.take({
    localAsn: 64_510,
    routerId: NODE_IPV4,
    sessions: {
      r1: { neighborAddress: ROUTER_IPV4, neighborAsn: 64_500, maxPrefixes: limit, import: { acceptBogons: true } },
    },
  });
  const before = residentMb('self');
  await lab.birdRouter(`protocol bgp n4 { local ${ROUTER_IPV4} as 64500; neighbor ${NODE_IPV4} as 64510; connect delay time 1; ipv4 { import none; export all; }; }
    protocol static s4 { ipv4; ${routes(prefixes)} }`);
  await until('the session is up', () => node.session().state === 'Established', WAIT_MS);
  const upAtMs = performance.now();
  await until('BIRD holds the table', () => node.session().prefixes.accepted === prefixes, WAIT_MS);
  const heldSecs = (performance.now() - upAtMs) / 1000;
  const log = () => node.log.join('');
  await until('the table is read', () => log().includes('Routes read'), WAIT_MS);
  const readMs = Number(/Routes read.* ms=(\d+)/.exec(log())?.[1]);
  const readAtMs = performance.now();
  await until('the table is reported', () => node.receiver.routes.size === prefixes, WAIT_MS);
  const pid = /BIRD started.*pid=(\d+)/.exec(log())?.[1] as string;
  const bytes = node.receiver.messages.reduce((sum, message) => sum + JSON.stringify(message).length, 0);
  console.table({
    prefixes,
    'held by BIRD, s after the session is up': heldSecs.toFixed(1),
    'BIRD resident, MB': residentMb(pid),
    'read, s': (readMs / 1000).toFixed(1),
    'reported and checked, s': ((performance.now() - readAtMs) / 1000).toFixed(1),
    messages: node.receiver.messages.length,
    'message bytes, MB': (bytes / 1e6).toFixed(1),
    'module and receiver resident, MB (before, after)': `${before}, ${residentMb('self')}`,
    gaps: node.receiver.gaps.length,
  });
} finally {
  await lab.close();
}
