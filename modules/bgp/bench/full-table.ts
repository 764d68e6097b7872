// A full table against the module: npm run bench bgp -- [PREFIXES, default 950000]. BIRD plays the router in a namespace of its own.
// Prints the time until BIRD holds the table, until it is read, until all of it is reported, and the memory of both processes.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ControlSocket } from '../src/engine/control-socket.ts';
import { parseProtocols } from '../src/engine/protocol-status.ts';
import { Lab, NODE_IPV4, ROUTER_IPV4, until, whyNot } from '../test/lab.ts';

const WAIT_MS = 600_000;
/** Distinct paths of a full table are about an eighth of its prefixes. */
const PREFIXES_PER_PATH = 8;

const prefixes = Number(process.argv[2] ?? 950_000);
const reason = whyNot();
if (reason !== undefined || !Number.isInteger(prefixes) || prefixes < 1 || prefixes > 2_000_000) {
  process.stderr.write(`${reason ?? `PREFIXES is "${process.argv[2]}", wanted a whole number from 1 to 2000000`}\n`);
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

/** Seconds of processor time a process has used, its own and the system's for it. */
function cpuSecs(pid: string): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function ownCpuSecs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

if (process.argv[3] !== undefined) {
  writeFileSync(process.argv[3], routes(prefixes));
  process.exit();
}

const lab = new Lab();
try {
  // Made by another process: the text would count as memory of this one.
  const file = join(lab.folder, 'routes.conf');
  execFileSync(process.execPath, [...process.execArgv, import.meta.filename, String(prefixes), file]);
  const node = await lab.node({ pollMs: 500, settleMs: 1000, settleMaxMs: WAIT_MS, rereadMs: 1000 });
  const sent = { messages: 0, bytes: 0, routes: 0, isWhole: false };
  // Only counted, not held: the memory and the time of the receiver are not the module's.
  node.receiver.take = (message) => {
    sent.messages += 1;
    sent.bytes += Buffer.byteLength(JSON.stringify(message));
    sent.routes = message.routes;
    sent.isWhole = message.part === message.parts;
  };
  await node.node.settings.take({
    localAsn: 64_510,
    routerId: NODE_IPV4,
    sessions: {
      r1: {
        neighborAddress: ROUTER_IPV4,
        neighborAsn: 64_500,
        maxPrefixes: Math.min(2_000_000, prefixes * 2),
        import: { acceptBogons: true },
      },
    },
  });
  const statements = `protocol bgp n4 { local ${ROUTER_IPV4} as 64500; neighbor ${NODE_IPV4} as 64510; connect delay time 1; ipv4 { import none; export all; }; }
    protocol static s4 { ipv4;
    include "${file}";
    }`;
  const residentBefore = residentMb('self');
  await lab.birdRouter(statements);
  await until('the session is up', () => node.session().state === 'Established', WAIT_MS);
  const upAtMs = performance.now();
  const cpuAtUp = ownCpuSecs();
  // Asked apart from the module, which asks nothing while it reads.
  const socket = new ControlSocket(join(lab.folder, 'run1', 'bird.ctl'));
  await until(
    'BIRD holds the table',
    async () => {
      const { lines } = await socket.lines('show protocols all');
      return parseProtocols(lines)[0]?.imported === prefixes;
    },
    WAIT_MS,
  );
  const heldSecs = (performance.now() - upAtMs) / 1000;
  const log = () => node.log.join('');
  await until('the table is read', () => log().includes('Routes read'), WAIT_MS);
  const readSecs = Number(/Routes read.* ms=(\d+)/.exec(log())?.[1]) / 1000;
  await until('the table is reported', () => sent.isWhole && sent.routes === prefixes, WAIT_MS);
  const cpuAfter = ownCpuSecs();
  const pid = /BIRD started.*pid=(\d+)/.exec(log())?.[1] as string;
  const figures = {
    prefixes,
    'held by BIRD, s after the session is up': heldSecs.toFixed(1),
    'BIRD: processor time s': cpuSecs(pid).toFixed(1),
    'BIRD: resident MB': residentMb(pid),
    'read by the module, s': readSecs.toFixed(1),
    'module: processor time of all, s': (cpuAfter - cpuAtUp).toFixed(1),
    'module: resident MB before and after': `${residentBefore}, ${residentMb('self')}`,
    messages: sent.messages,
    'message bytes, MB': (sent.bytes / 1e6).toFixed(1),
  };
  const lines = Object.entries(figures).map(([name, figure]) => `| ${name} | ${figure} |`);
  process.stdout.write(['| BGP | figure |', '| --- | --- |', ...lines, ''].join('\n'));
} finally {
  await lab.close();
}
