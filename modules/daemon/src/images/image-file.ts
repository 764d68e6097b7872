// Which images the daemon pulled, when they were last used, and which image each module ran before the present one.

import { readJsonFile, writeJsonFile } from '@wayside/kit';

export interface PulledImage {
  /** sha256:... */
  id: string;
  /** Name it was pulled by, for people. */
  reference: string;
  /** Milliseconds since 1970. */
  lastUsedMs: number;
}

export interface ModuleImages {
  current: string;
  previous: string | undefined;
}

export interface ImageUsage {
  pulled: PulledImage[];
  modules: { [name: string]: ModuleImages };
}

export async function loadImageUsage(path: string): Promise<ImageUsage> {
  const file = await readJsonFile<Partial<ImageUsage>>(path);
  return { pulled: file?.pulled ?? [], modules: file?.modules ?? {} };
}

export async function saveImageUsage(path: string, usage: ImageUsage): Promise<void> {
  await writeJsonFile(path, usage);
}
