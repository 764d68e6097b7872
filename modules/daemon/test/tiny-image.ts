// An image for tests, made from this machine's own node, sh and sleep, so that no registry is needed. FROM scratch: nothing else is in it.

import { execFileSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type Docker from 'dockerode';

const PROGRAMS: { [path: string]: string } = { '/bin/sh': '/bin/sh', '/bin/sleep': '/bin/sleep' };

/** Builds `reference`; the label makes it removable with everything else of the test. */
export async function buildTinyImage(
  docker: Docker,
  reference: string,
  labels: { [name: string]: string },
): Promise<void> {
  const context = await mkdtemp(join(tmpdir(), 'wayside-image-'));
  try {
    for (const [target, source] of [...Object.entries(PROGRAMS), ['/bin/node', process.execPath] as const]) {
      await copyProgram(join(context, 'root'), target, await realpath(source));
    }
    await writeFile(
      join(context, 'Dockerfile'),
      'FROM scratch\nCOPY root/ /\nSTOPSIGNAL SIGKILL\nENTRYPOINT ["/bin/sh", "-c"]\nCMD ["echo ready; exec sleep 1000"]\n',
    );
    const stream = await docker.buildImage({ context, src: ['Dockerfile', 'root'] }, { t: reference, labels });
    await new Promise<void>((resolve, reject) => {
      docker.modem.followProgress(stream, (error: Error | null, lines: { error?: string }[]) => {
        const failed = lines?.find((line) => line.error)?.error;
        if (error || failed) reject(error ?? new Error(failed));
        else resolve();
      });
    });
  } finally {
    await rm(context, { recursive: true });
  }
}

async function copyProgram(root: string, target: string, source: string): Promise<void> {
  await place(root, target, source);
  const libraries = execFileSync('ldd', [source], { encoding: 'utf8' }).matchAll(/(\/\S+) \(0x/g);
  for (const [, library] of libraries) await place(root, library as string, await realpath(library as string));
}

async function place(root: string, target: string, source: string): Promise<void> {
  await mkdir(join(root, dirname(target)), { recursive: true });
  await cp(source, join(root, target));
}
