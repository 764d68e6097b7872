// One image pull over the engine's API: follows its progress and gives up when nothing moves.

import type { Readable } from 'node:stream';
import { EdgeError } from '@wayside/kit';
import type Docker from 'dockerode';
import type { PullProgress } from './engine.ts';
import type { RegistryAuth } from './module-spec.ts';

/** A pull without any progress for this long is given up; the engine resumes layers at the next try. */
const PULL_IDLE_MS_MAX = 120_000;
/** A pull is given up after this long, whatever moves. */
const PULL_TOTAL_MS_MAX = 2 * 60 * 60 * 1000;

interface ProgressLine {
  status?: string;
  id?: string;
  progress?: string;
  error?: string;
}

/** Resolves when the engine has the image. */
export async function pullImage(
  docker: Docker,
  reference: string,
  auth: RegistryAuth | undefined,
  onProgress: (progress: PullProgress) => void,
): Promise<void> {
  const giveUp = new AbortController();
  const stop = (limitMs: number) => () =>
    giveUp.abort(
      new EdgeError('DAEMON_IMAGE_PULL_FAILED', `Cannot pull the image ${reference}: no end after ${limitMs} ms`, {
        retry: 'backoff',
        source: 'upstream',
      }),
    );
  const total = setTimeout(stop(PULL_TOTAL_MS_MAX), PULL_TOTAL_MS_MAX);
  const idle = setTimeout(stop(PULL_IDLE_MS_MAX), PULL_IDLE_MS_MAX);
  try {
    const options = { abortSignal: giveUp.signal, ...(auth === undefined ? {} : { authconfig: auth }) };
    const stream = (await docker.pull(reference, options)) as Readable;
    giveUp.signal.addEventListener('abort', () => stream.destroy(), { once: true });
    await followed(docker, stream, (line) => {
      idle.refresh();
      if (line.status !== undefined)
        onProgress({ status: [line.status, line.id, line.progress].filter(Boolean).join(' ') });
    });
    giveUp.signal.throwIfAborted();
  } catch (error) {
    giveUp.signal.throwIfAborted();
    throw error;
  } finally {
    clearTimeout(total);
    clearTimeout(idle);
  }
}

/** The engine answers 200 and tells failures inside the stream. */
function followed(docker: Docker, stream: Readable, onLine: (line: ProgressLine) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    // Without this a connection that breaks would leave the promise open.
    stream.once('close', () => reject(new Error('the engine closed the connection')));
    docker.modem.followProgress(
      stream,
      (error: Error | null, lines: ProgressLine[]) => {
        const failed = lines?.find((line) => line.error !== undefined);
        if (error) reject(error);
        else if (failed) reject(new Error(failed.error));
        else resolve();
      },
      onLine,
    );
  });
}
