// Io of a test: text is gathered, the environment is what the test says, time is a FakeClock unless told otherwise.

import { PassThrough, Readable } from 'node:stream';
import { type Clock, FakeClock } from '@wayside/kit';
import type { Io } from '../src/io.ts';
import { run } from '../src/run.ts';

/** 2026-11-22T12:00:00Z */
export const NOW_MS = Date.UTC(2026, 10, 22, 12);

export interface Ran {
  exitCode: number;
  stdout: string;
  stderr: string;
}

export interface RunSurroundings {
  env?: { [name: string]: string };
  clock?: Clock;
  stdin?: string;
  signal?: AbortSignal;
  /** Sees stdout as it grows. */
  onStdout?: (text: string) => void;
}

/** Runs the command in this process and gathers what it writes. */
export async function runCli(args: readonly string[], o: RunSurroundings = {}): Promise<Ran> {
  const { io, output } = testIo(o);
  const exitCode = await run(io, args);
  return { exitCode, ...output() };
}

export function testIo(o: RunSurroundings = {}): { io: Io; output: () => { stdout: string; stderr: string } } {
  const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  const sink = (name: 'stdout' | 'stderr'): PassThrough => {
    const stream = new PassThrough();
    stream.on('data', (chunk: Buffer) => {
      chunks[name].push(chunk);
      if (name === 'stdout') o.onStdout?.(Buffer.concat(chunks.stdout).toString());
    });
    return stream;
  };
  return {
    io: {
      stdin: Readable.from(o.stdin === undefined ? [] : [Buffer.from(o.stdin)]),
      stdout: sink('stdout'),
      stderr: sink('stderr'),
      env: o.env ?? {},
      clock: o.clock ?? new FakeClock(NOW_MS),
      signal: o.signal ?? new AbortController().signal,
    },
    output: () => ({
      stdout: Buffer.concat(chunks.stdout).toString(),
      stderr: Buffer.concat(chunks.stderr).toString(),
    }),
  };
}
