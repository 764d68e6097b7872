// Composition root of the command line: the only place that touches the process.

import { systemClock } from '@wayside/kit';
import { run } from './run.ts';

/** 128 + SIGINT, as shells report it. */
const EXIT_INTERRUPTED = 130;

const stop = new AbortController();
process.once('SIGINT', () => {
  stop.abort();
  process.once('SIGINT', () => process.exit(EXIT_INTERRUPTED));
});
process.once('SIGTERM', () => stop.abort());
// `wayside logs MCC | head` closes our output: that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

const { stdin, stdout, stderr, env } = process;
process.exitCode = await run(
  { stdin, stdout, stderr, env, clock: systemClock, signal: stop.signal },
  process.argv.slice(2),
);
// Sockets kept alive for further calls must not hold the process.
stdout.write('', () => process.exit());
