// The section "Cloud" of docs/benchmarks.md: a part for each setup (nodes, store, processes) with the newest run of it. Other sections and
// parts stay as they are.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';

export const SECTION = '# Cloud';

export interface Row {
  work: string;
  figure: string;
  /** Processor time of the cloud an operation, or its share of a core. */
  cpu: string;
  note: string;
}

export interface RunFacts {
  atUtc: string;
  command: string;
  store: string;
  replicas: number;
  nodes: number;
  connections: number;
  loadAverage: number;
  /** Where they lay: `on disk` or `in memory`. */
  files: string;
}

/** What a run is told apart by: the next run of the same setup takes the place of its part. */
export function setupOf({ nodes, store, replicas }: Pick<RunFacts, 'nodes' | 'store' | 'replicas'>): string {
  return `## ${nodes} nodes, ${store}, ${replicas} process${replicas > 1 ? 'es' : ''}`;
}

export function renderRun(facts: RunFacts, rows: readonly Row[]): string {
  const { atUtc, command, connections, loadAverage, files } = facts;
  const lines = rows.map(({ work, figure, cpu, note }) => `| ${work} | ${figure} | ${cpu} | ${note} |`);
  return `${setupOf(facts)}

Written by \`${command}\` on ${atUtc}: ${connections} MQTT connections over TLS from one process; files of the cloud ${files};
${machineLine()}; Node ${process.versions.node}; load average at the start ${loadAverage.toFixed(2)}.

| work | seen | processor time of the cloud | note |
| --- | --- | --- | --- |
${lines.join('\n')}
`;
}

const INTRODUCTION = `${SECTION}

By \`npm run bench cloud\` (\`modules/simulator/bench/\`); do not edit. Client and cloud share the cores and nothing is pinned: processor
time of the cloud (user + system, /proc) is the figure to compare, rates and latencies are what was left on a shared machine.
`;

/** Puts a run in the place of the one before of its setup, or after the others. */
export function withRun(page: string, setup: string, run: string): string {
  const { before, own, after } = cut(page, `${SECTION}\n`, /^# /m);
  const parts = cut(own === '' ? INTRODUCTION : own, `${setup}\n`, /^## /m);
  return joined([before, joined([parts.before, run, parts.after]), after]);
}

export function writeRun(file: string, setup: string, run: string): void {
  writeFileSync(file, withRun(existsSync(file) ? readFileSync(file, 'utf8') : '', setup, run));
}

function joined(texts: readonly string[]): string {
  const kept = texts.map((text) => text.trim()).filter((text) => text !== '');
  return `${kept.join('\n\n')}\n`;
}

/** From the line `title` to the next line that `next` finds; `own` is empty where the title is not there. */
function cut(page: string, title: string, next: RegExp): { before: string; own: string; after: string } {
  const start = page.startsWith(title) ? 0 : page.indexOf(`\n${title}`) + 1;
  if (start === 0 && !page.startsWith(title)) return { before: page, own: '', after: '' };
  const length = page.slice(start + title.length).search(next);
  const end = length < 0 ? page.length : start + title.length + length;
  return { before: page.slice(0, start), own: page.slice(start, end), after: page.slice(end) };
}

function machineLine(): string {
  const [first] = cpus();
  const system = /PRETTY_NAME="([^"]*)"/.exec(spawnSync('cat', ['/etc/os-release'], { encoding: 'utf8' }).stdout)?.[1];
  return `${first?.model.trim()}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, ${system}, Linux ${release()}`;
}
