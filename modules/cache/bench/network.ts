// A network namespace of our own for the benchmarks: own loopback, TCP cubic. A machine's default may be BBR, whose pacing makes large transfers over
// loopback cost four times the CPU and hides every difference between servers.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';

/** Set in the process that runs inside. */
export const INSIDE = 'WAYSIDE_BENCH_INSIDE';

/** Why there is no namespace; undefined when there can be one. */
export function namespaceProblem(): string | undefined {
  if (process.getuid?.() !== 0) return 'not root';
  if (spawnSync('ip', ['netns', 'list']).status !== 0) return 'no ip command (package iproute2)';
  return undefined;
}

/** TCP congestion control of connections over this process's loopback. */
export function congestionControl(): string {
  return process.env[INSIDE] ?? readFileSync('/proc/sys/net/ipv4/tcp_congestion_control', 'utf8').trim();
}

function ip(...args: string[]): void {
  const { status, stderr } = spawnSync('ip', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr.trim()}`);
}

/** Runs this very program once more inside a fresh namespace; resolves with its exit code. */
export async function runInside(): Promise<number> {
  const name = `wayside-bench-${process.pid}`;
  ip('netns', 'add', name);
  try {
    ip('-n', name, 'link', 'set', 'lo', 'up');
    const loopback = [
      'dev',
      'lo',
      'proto',
      'kernel',
      'scope',
      'host',
      'src',
      '127.0.0.1',
      'table',
      'local',
      'congctl',
      'cubic',
    ];
    for (const range of ['127.0.0.0/8', '127.0.0.1']) ip('-n', name, 'route', 'replace', 'local', range, ...loopback);
    const child = spawn(
      'ip',
      ['netns', 'exec', name, process.execPath, ...process.execArgv, ...process.argv.slice(1)],
      {
        stdio: 'inherit',
        env: { ...process.env, [INSIDE]: 'cubic' },
      },
    );
    const forward = (signal: NodeJS.Signals) => child.kill(signal);
    process.on('SIGINT', forward);
    process.on('SIGTERM', forward);
    const [code] = await once(child, 'exit');
    return code ?? 1;
  } finally {
    ip('netns', 'del', name);
  }
}
