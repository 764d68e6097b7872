// One run of the command: arguments in, text out, exit code back. `run(io, args)` is the whole of it, so that tests need no process.

import { ConfigError, EXIT_CONFIG_INVALID, EXIT_FAILURE } from '@wayside/kit';
import { CommanderError } from 'commander';
import { CloudError } from './cloud/cloud-client.ts';
import { loadSettings, type Settings } from './config.ts';
import { errorText } from './error-text.ts';
import type { Io } from './io.ts';
import { createProgram } from './program.ts';
import { plainLine } from './terminal-text.ts';

/** `args`: what follows the command's name. Never rejects. */
export async function run(io: Io, args: readonly string[]): Promise<number> {
  let settings: Settings;
  try {
    settings = loadSettings(io.env);
  } catch (error) {
    io.stderr.write(errorText(error));
    return error instanceof ConfigError ? EXIT_CONFIG_INVALID : EXIT_FAILURE;
  }
  let exitCode = 0;
  const program = createProgram(io, settings, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    // Commander has said what it had to; help and version end by an exception too.
    if (error instanceof CommanderError) return error.exitCode;
    if (io.signal.aborted) return exitCode;
    io.stderr.write(errorText(error));
    if (error instanceof CloudError)
      for (const { path, message } of error.problems) io.stderr.write(`${plainLine(`${path}: ${message}`)}\n`);
    return EXIT_FAILURE;
  }
}
