// npm run bench cache: our cache and the peers that are installed, one after the other in one run; tables into docs/benchmarks.md.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { measureHits } from './hits.ts';
import { compileLoad, Load } from './load.ts';
import { MissBench } from './misses.ts';
import { congestionControl, INSIDE, namespaceProblem, runInside } from './network.ts';
import { Origin } from './origin-control.ts';
import { ServerProcess } from './processes.ts';
import { type RunFacts, renderReport, type ServerResult, sectionsOfOthers } from './report.ts';
import { type CacheServer, NOT_DRIVEN, SERVERS } from './servers.ts';

const ORIGIN_PORT = 18_090;
const SECS = 6;
const QUICK_SECS = 2;
const OBJECTS = 100_000;
const QUICK_OBJECTS = 10_000;
const USAGE = `npm run bench cache -- [--quick] [--only NAME,NAME] [--part hits|misses] [--out FILE] [--folder DIR]

  --quick   shorter loads, ${QUICK_OBJECTS} instead of ${OBJECTS} small objects
  --only    servers to measure: ${SERVERS.map(({ name }) => name).join(', ')}
  --part    hits or misses alone
  --out     where the tables go; default docs/benchmarks.md
  --folder  where caches keep their content (5 GB); default /var/tmp/wayside-bench-cache
`;

const say = (text: string): boolean => process.stdout.write(`${text}\n`);

function readOptions() {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      part: { type: 'string' },
      out: { type: 'string', default: join(import.meta.dirname, '../../../docs/benchmarks.md') },
      folder: { type: 'string', default: '/var/tmp/wayside-bench-cache' },
      help: { type: 'boolean', default: false },
    },
  });
  const names = values.only?.split(',');
  const unknown = names?.find((name) => !SERVERS.some((server) => server.name === name));
  if (unknown !== undefined)
    throw new Error(`--only: "${unknown}" is unknown, wanted ${SERVERS.map(({ name }) => name).join(', ')}`);
  if (values.part !== undefined && !['hits', 'misses'].includes(values.part))
    throw new Error(`--part: is "${values.part}", wanted hits or misses`);
  return { ...values, names };
}

type Options = ReturnType<typeof readOptions>;

async function measure(server: CacheServer, program: string, origin: Origin, options: Options): Promise<ServerResult> {
  const folder = join(resolve(options.folder), server.name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const [serverCore, clientCore] = cpus().length > 1 ? [0, 1] : [null, null];
  const start = () =>
    ServerProcess.start(server.command(folder, ORIGIN_PORT), server.port, serverCore, join(folder, 'log'));
  let running = await start();
  const load = new Load(program, server.port, clientCore);
  try {
    const hits =
      options.part === 'misses'
        ? undefined
        : await measureHits(running, load, origin, options.quick ? QUICK_SECS : SECS);
    for (const row of hits ?? [])
      say(
        `  ${row.load.padEnd(22)} ${row.requestsPerSec.toFixed(0).padStart(7)} req/s ${row.cpuUsPerRequest.toFixed(1).padStart(8)} µs each ${row.cpuSecsPerGib.toFixed(3)} s/GiB`,
      );
    if (options.part === 'hits') return { name: server.name, version: server.version() ?? '', hits, misses: undefined };
    const bench = new MissBench(running, load, origin, async (signal) => {
      await running.end(signal);
      running = await start();
      return running;
    });
    const misses = await bench.measure(options.quick ? QUICK_OBJECTS : OBJECTS);
    say(
      `  crowd: first byte p99 ${misses.crowd.firstByteP99Ms.toFixed(1)} ms, done p99 ${misses.crowd.doneP99Ms.toFixed(0)} ms, origin ${misses.crowd.originMib.toFixed(0)} MiB`,
    );
    say(
      `  fill ${misses.fill.perSec.toFixed(0)}/s, ${misses.fill.cpuUsEach.toFixed(0)} µs each; first answer after KILL ${misses.restarts[1]?.firstAnswerMs.toFixed(0)} ms`,
    );
    return { name: server.name, version: server.version() ?? '', hits, misses };
  } finally {
    await running.end('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}

async function main(): Promise<void> {
  const options = readOptions();
  if (options.help) {
    say(USAGE);
    return;
  }
  const problem = namespaceProblem();
  if (problem === undefined && process.env[INSIDE] === undefined) {
    process.exitCode = await runInside();
    return;
  }
  mkdirSync(options.folder, { recursive: true });
  const wanted = SERVERS.filter(({ name }) => options.names?.includes(name) ?? true);
  const missing = wanted.filter((server) => server.version() === undefined).map(({ name }) => name);
  const left = [
    missing.length === 0 ? '' : `Not installed, so not measured: ${missing.join(', ')}.`,
    `Not driven by this bench: ${NOT_DRIVEN.join(', ')}.`,
    problem === undefined ? '' : `No network namespace of its own (${problem}).`,
  ].filter(Boolean);
  for (const sentence of left) say(sentence);
  const facts: RunFacts = {
    atUtc: `${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC`,
    isQuick: options.quick,
    secsPerLoad: options.quick ? QUICK_SECS : SECS,
    congestionControl: congestionControl(),
    isPinned: cpus().length > 1,
    loadAverage: loadavg()[0] ?? 0,
    left,
  };
  const program = compileLoad(resolve(options.folder));
  const origin = await Origin.start(
    ORIGIN_PORT,
    cpus().length > 1 ? 1 : null,
    join(resolve(options.folder), 'origin.log'),
  );
  const results: ServerResult[] = [];
  try {
    for (const server of wanted) {
      if (missing.includes(server.name)) continue;
      say(`${server.name} ${server.version()}`);
      results.push(await measure(server, program, origin, options));
      // After each, so that a run that is broken off leaves what it has.
      writeFileSync(options.out, `${renderReport(facts, results)}${sectionsOfOthers(options.out)}`);
    }
  } finally {
    await origin.stop();
  }
  say(`tables: ${options.out}`);
}

await main().catch((error: Error) => {
  process.stderr.write(`error: ${error.message}\n`);
  process.exitCode = 1;
});
