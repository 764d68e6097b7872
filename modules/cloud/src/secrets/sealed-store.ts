// The store with its secrets sealed: what lies there unsealed is sealed first, then every query goes through the plugin.

import type { Logger } from '@wayside/kit';
import { compactStore } from '../store/compact.ts';
import { engineOf } from '../store/engine.ts';
import type { Db } from '../store/tables.ts';
import type { MasterKeys } from './master-keys.ts';
import { sealStore } from './seal-store.ts';
import { Sealer } from './sealer.ts';
import { SealingPlugin } from './sealing-plugin.ts';

export async function sealedStore(store: Db, keys: MasterKeys, logger: Logger): Promise<Db> {
  try {
    const sealed = await resealStore(store, keys);
    if (sealed > 0) logger.info('Secrets in the store were sealed', { values: sealed });
  } catch (error) {
    await store.destroy();
    throw error;
  }
  return store.withPlugin(new SealingPlugin(new Sealer(keys)));
}

/** Everything under the current key. Returns how many values were sealed anew. */
export async function resealStore(store: Db, keys: MasterKeys): Promise<number> {
  const sealed = await sealStore(store, new Sealer(keys));
  // The old text lies in free pages until then.
  if (sealed > 0) await compactStore(store);
  // Another replica may still seal with a retired key; a file of SQLite has one process.
  if (engineOf(store) === 'sqlite' && keys.retiredIds.length > 0) await keys.dropRetired();
  return sealed;
}
