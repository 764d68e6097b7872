// Module identities on disk (0600): what lets every module start, be re-created and sign while the cloud is away.

import { readJsonFile, writeJsonFile } from '@wayside/kit';

export interface KnownModule {
  moduleId: string;
  managedBy: string;
  generationId: string;
  /** The cloud has the keys derived for this generation. */
  registered: boolean;
}

interface File {
  version: 1;
  /** The device they belong to; those of another device are worthless. */
  device: string;
  modules: KnownModule[];
}

export async function loadKnownModules(path: string, device: string): Promise<Map<string, KnownModule>> {
  const file = await readJsonFile<File>(path);
  if (file?.version !== 1 || file.device !== device) return new Map();
  return new Map(file.modules.map((module) => [module.moduleId, module]));
}

/** On disk when it resolves. */
export async function saveKnownModules(path: string, device: string, modules: Iterable<KnownModule>): Promise<void> {
  await writeJsonFile(path, { version: 1, device, modules: [...modules] } satisfies File);
}
