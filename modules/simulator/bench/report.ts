// The section "Cloud" of docs/benchmarks.md: one table of one run, with machine, versions and date. Other sections stay as they are.

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
}

export function renderSection(facts: RunFacts, rows: readonly Row[]): string {
  const { atUtc, command, store, replicas, nodes, connections, loadAverage } = facts;
  const lines = rows.map(({ work, figure, cpu, note }) => `| ${work} | ${figure} | ${cpu} | ${note} |`);
  return `${SECTION}

Written by \`${command}\` on ${atUtc}; do not edit.

- Machine: ${machineLine()}; Node ${process.versions.node}; load average at the start ${loadAverage.toFixed(2)}.
- ${nodes} simulated nodes with ${connections} MQTT connections over TLS from one process; the cloud: ${replicas} process${replicas > 1 ? 'es' : ''}, ${store}. Client and cloud share the cores and nothing is pinned:
  processor time of the cloud (user + system, /proc) is the figure to compare, rates and latencies are what was left on a shared machine.
- How: \`modules/simulator/bench/\`.

| work | seen | processor time of the cloud | note |
| --- | --- | --- | --- |
${lines.join('\n')}
`;
}

/** Puts the section in the place of the one before, or at the end. */
export function withSection(page: string, section: string): string {
  const start = page.search(new RegExp(`^${SECTION}$`, 'm'));
  if (start < 0) return `${page.trimEnd()}\n\n${section}`;
  const rest = page.slice(start + SECTION.length);
  const next = rest.search(/^# /m);
  return `${page.slice(0, start)}${section}${next < 0 ? '' : `\n${rest.slice(next)}`}`;
}

export function writeSection(file: string, section: string): void {
  writeFileSync(file, withSection(existsSync(file) ? readFileSync(file, 'utf8') : '', section).trimStart());
}

function machineLine(): string {
  const [first] = cpus();
  const system = /PRETTY_NAME="([^"]*)"/.exec(spawnSync('cat', ['/etc/os-release'], { encoding: 'utf8' }).stdout)?.[1];
  return `${first?.model.trim()}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, ${system}, Linux ${release()}`;
}
