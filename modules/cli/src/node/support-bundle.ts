// `support-bundle`: the daemon's zip (logs, inspections, network) plus check.json, what `check -o json` says at this moment.

import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { EdgeError, isEdgeError } from '@wayside/kit';
import type { ManagementClient } from '../daemon/management-client.ts';
import type { ErrorCode } from '../errors.ts';
import type { Io } from '../io.ts';
import { unixSecs } from './logs.ts';
import { copyZipWith } from './zip-with-entry.ts';

/** Larger answers of a daemon are cut off with an error, so that a runaway log cannot fill the disk twice. */
const BUNDLE_BYTES_MAX = 2 * 1024 ** 3;

export interface SupportBundleOptions {
  /** Path, `-` = stdout; undefined = a name with the time in the working directory. */
  output?: string | undefined;
  since?: Date | undefined;
  until?: Date | undefined;
  iothubHostname?: string | undefined;
  edgeRuntimeOnly: boolean;
  quiet: boolean;
}

/** `support_bundle_2026_11_22_19_50_03_UTC.zip` */
export function bundleName(nowMs: number): string {
  const stamp = new Date(nowMs).toISOString().slice(0, 19).replace(/[-:T]/g, '_');
  return `support_bundle_${stamp}_UTC.zip`;
}

/** `checkJson` runs the checks and gives their JSON report. */
export async function supportBundle(
  io: Io,
  client: ManagementClient,
  options: SupportBundleOptions,
  checkJson: () => Promise<string>,
): Promise<void> {
  const toStdout = options.output === '-';
  // With the zip on stdout, words go to stderr.
  const say = (text: string): void => {
    if (!options.quiet) (toStdout ? io.stderr : io.stdout).write(`${text}\n`);
  };
  const target = toStdout ? io.stdout : resolve(options.output ?? bundleName(io.clock.nowMs()));
  say('Making support bundle');
  const directory = await mkdtemp(join(tmpdir(), 'wayside-bundle-'));
  try {
    const fromDaemon = join(directory, 'daemon.zip');
    const query = {
      sinceSecs: unixSecs(options.since),
      untilSecs: unixSecs(options.until),
      iothubHostname: options.iothubHostname,
      edgeRuntimeOnly: options.edgeRuntimeOnly,
    };
    await pipeline(
      await client.supportBundle(query, io.signal),
      limitBytes(BUNDLE_BYTES_MAX),
      createWriteStream(fromDaemon, { mode: 0o600 }),
    );
    await copyZipWith({ path: 'check.json', content: Buffer.from(await checkJson()) }, fromDaemon, target);
  } catch (error) {
    if (isEdgeError(error)) throw error;
    throw new EdgeError(
      'CLI_BUNDLE_FAILED' satisfies ErrorCode,
      `Cannot write the support bundle to ${toStdout ? 'stdout' : target}`,
      { cause: error },
    );
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  say(`Created support bundle at ${toStdout ? 'stdout' : target}`);
}

function limitBytes(bytesMax: number): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > bytesMax) done(new RangeError(`the daemon sent more than ${bytesMax} bytes`));
      else done(null, chunk);
    },
  });
}
