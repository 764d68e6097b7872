// npm run soak: mixed load for minutes, or thousands of slow clients (--clients), on a cache of its own, with resident memory and open descriptors each
// 10 s and a verdict from their slope. Ends with 1 when something was lost, wrong or growing.

import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { MixedLoad, wordByte } from './mixed-load.ts';
import { Origin, UNLIMITED_MB_PER_SEC } from './origin-control.ts';
import { ServerProcess } from './processes.ts';
import { SlowClients } from './slow-clients.ts';
import { type Sample, type Trend, trendOf } from './trend.ts';

const SAMPLE_MS = 10_000;
const ORIGIN_PORT = 18_190;
const CONTENT_PORT = 18_120;
/** Small, so that the long tail evicts all the time. */
const DRIVE_GB = 0.4;
const WORKERS = 24;
const OBJECTS = 2000;
const READER_BYTES = 1024 * 1024 * 1024;
/** A soak passes below these slopes over its second half. Node's heap breathes by some MiB between collections. */
const RSS_MIB_PER_MINUTE_MAX = 3;
const DESCRIPTORS_PER_MINUTE_MAX = 10;
/** Resident memory for one client more, idle or slow: sockets and their state, no buffers of bodies. */
const RSS_KIB_PER_CLIENT_MAX = 64;
/** Shorter runs say nothing about a slope. */
const MINUTES_FOR_SLOPE_MIN = 3;
const USAGE = `npm run soak -- [--minutes N] [--clients [--idle 5000] [--readers 500]] [--folder DIR]

  --minutes  how long; default 10, with --clients 1
  --clients  slow clients instead of mixed load
`;

const say = (text: string): boolean => process.stdout.write(`${text}\n`);

interface Watched {
  rssMib: number;
  descriptors: number;
}

function look(server: ServerProcess): Watched {
  const descriptors = server.pids.reduce((sum, pid) => sum + readdirSync(`/proc/${pid}/fd`).length, 0);
  return { rssMib: server.rssMib, descriptors };
}

/** Samples until the time is over; `line` adds what the load says about itself. */
async function watch(
  server: ServerProcess,
  forMs: number,
  line: () => string,
): Promise<{ rss: Trend; descriptors: Trend }> {
  const [rss, descriptors]: [Sample[], Sample[]] = [[], []];
  const beganMs = performance.now();
  do {
    await sleep(Math.min(SAMPLE_MS, forMs));
    const atS = (performance.now() - beganMs) / 1000;
    const seen = look(server);
    rss.push({ atS, value: seen.rssMib });
    descriptors.push({ atS, value: seen.descriptors });
    say(
      `${atS.toFixed(0).padStart(5)} s  RSS ${seen.rssMib.toFixed(0).padStart(5)} MiB  descriptors ${String(seen.descriptors).padStart(6)}  ${line()}`,
    );
  } while (performance.now() - beganMs < forMs);
  return { rss: trendOf(rss), descriptors: trendOf(descriptors) };
}

function verdict(problems: string[]): void {
  say(problems.length === 0 ? 'verdict: passed' : `verdict: failed: ${problems.join('; ')}`);
  if (problems.length > 0) process.exitCode = 1;
}

async function soakMixed(server: ServerProcess, minutes: number): Promise<void> {
  const load = new MixedLoad({ port: server.port, workers: WORKERS, objects: OBJECTS });
  load.start();
  const { rss, descriptors } = await watch(
    server,
    minutes * 60_000,
    () =>
      `${load.requests} requests, ${(load.bytes / 2 ** 30).toFixed(1)} GiB, ${load.failed} failed, ${load.wrong} wrong`,
  );
  await load.stop();
  say(
    `slope of the second half: RSS ${rss.perMinute.toFixed(2)} MiB a minute, descriptors ${descriptors.perMinute.toFixed(2)} a minute; most ${rss.max.toFixed(0)} MiB`,
  );
  const problems: string[] = [];
  if (rss.perMinute > RSS_MIB_PER_MINUTE_MAX && minutes >= MINUTES_FOR_SLOPE_MIN)
    problems.push(`RSS grows by ${rss.perMinute.toFixed(1)} MiB a minute, wanted at most ${RSS_MIB_PER_MINUTE_MAX}`);
  if (descriptors.perMinute > DESCRIPTORS_PER_MINUTE_MAX)
    problems.push(
      `descriptors grow by ${descriptors.perMinute.toFixed(1)} a minute, wanted at most ${DESCRIPTORS_PER_MINUTE_MAX}`,
    );
  if (load.wrong > 0) problems.push(`${load.wrong} wrong pieces`);
  if (load.failed > 0) problems.push(`${load.failed} requests failed`);
  verdict(problems);
}

async function soakClients(server: ServerProcess, minutes: number, idle: number, readers: number): Promise<void> {
  const base = {
    port: server.port,
    idlePath: '/obj/4096/idle',
    readerPath: `/obj/${READER_BYTES}/slow`,
    readerSizeBytes: READER_BYTES,
    byteAt: wordByte,
  };
  // The object is there before: what is measured is waiting, not filling.
  const first = new SlowClients({ ...base, idle: 1, readers: 0 });
  await first.start();
  first.close();
  await (await fetch(`http://127.0.0.1:${server.port}${base.readerPath}`)).body?.pipeTo(new WritableStream());
  await sleep(SAMPLE_MS / 5);
  const before = look(server);
  const clients = new SlowClients({ ...base, idle, readers });
  await clients.start();
  const { rss } = await watch(
    server,
    minutes * 60_000,
    () =>
      `${clients.open.idle} idle (${clients.renewed} renewed), ${clients.open.readers} slow readers, ${(clients.takenBytes / 2 ** 20).toFixed(0)} MiB read, ${clients.lost} lost, ${clients.wrong} wrong`,
  );
  const perClientKib = ((rss.max - before.rssMib) * 1024) / (idle + readers);
  say(
    `RSS ${before.rssMib.toFixed(0)} MiB without clients, at most ${rss.max.toFixed(0)} MiB with them: ${perClientKib.toFixed(1)} KiB each`,
  );
  const { lost, wrong, takenBytes } = clients;
  clients.close();
  const problems: string[] = [];
  if (perClientKib > RSS_KIB_PER_CLIENT_MAX)
    problems.push(`${perClientKib.toFixed(1)} KiB of RSS a client, wanted at most ${RSS_KIB_PER_CLIENT_MAX}`);
  if (rss.perMinute > RSS_MIB_PER_MINUTE_MAX && minutes >= MINUTES_FOR_SLOPE_MIN)
    problems.push(`RSS grows by ${rss.perMinute.toFixed(1)} MiB a minute, wanted at most ${RSS_MIB_PER_MINUTE_MAX}`);
  if (lost > 0) problems.push(`${lost} connections lost`);
  if (wrong > 0 || takenBytes === 0) problems.push(`${wrong} wrong bytes of ${takenBytes}`);
  verdict(problems);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string' },
      clients: { type: 'boolean', default: false },
      idle: { type: 'string', default: '5000' },
      readers: { type: 'string', default: '500' },
      folder: { type: 'string', default: '/var/tmp/wayside-soak-cache' },
      help: { type: 'boolean', default: false },
    },
  });
  const [minutes, idle, readers] = [values.minutes ?? (values.clients ? '1' : '10'), values.idle, values.readers].map(
    Number,
  ) as [number, number, number];
  if (values.help) {
    say(USAGE);
    return;
  }
  if (!(minutes > 0) || !(idle >= 0) || !(readers >= 0))
    throw new Error(`--minutes, --idle and --readers: wanted numbers\n${USAGE}`);
  const folder = resolve(values.folder);
  const drive = join(folder, 'drive');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(drive, { recursive: true });
  const origin = await Origin.start(ORIGIN_PORT, null, join(folder, 'origin.log'));
  await origin.setRate(UNLIMITED_MB_PER_SEC);
  const driveGb = values.clients ? 4 : DRIVE_GB;
  const command = [
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    join(import.meta.dirname, '../src/main.ts'),
  ];
  const listen = ['--listen', `127.0.0.1:${CONTENT_PORT}`, '--operations', '127.0.0.1:0'];
  const server = await ServerProcess.start(
    [...command, ...listen, '--origin', `http://127.0.0.1:${ORIGIN_PORT}`, '--drive', `${drive},${driveGb}`],
    CONTENT_PORT,
    null,
    join(folder, 'log'),
  );
  try {
    if (values.clients) await soakClients(server, minutes, idle, readers);
    else await soakMixed(server, minutes);
  } finally {
    await server.end('SIGTERM');
    await origin.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

await main().catch((error: Error) => {
  process.stderr.write(`error: ${error.message}\n`);
  process.exitCode = 1;
});
