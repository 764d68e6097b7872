// The commands of purging: purge, list receipts, show one.

import { EdgeError } from '@wayside/kit';
import { type Command, fieldOf, limitOf } from '../commands.ts';
import { RECEIPTS_MAX } from './purge-log.ts';
import type { Purger } from './purger.ts';

/** A purge that takes longer is answered 202 with its id; below the time-out of a direct method. */
const ANSWER_AFTER_MS = 20_000;
const RECEIPTS_SHOWN = 20;

export function purgeCommands(purger: Purger): { purge: Command; purges: Command } {
  return {
    async purge(payload, by) {
      const { receipt, done } = await purger.purge(payload, by);
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<'late'>((resolve) => {
        timer = setTimeout(() => resolve('late'), ANSWER_AFTER_MS);
      });
      const how = await Promise.race([done, late]).finally(() => clearTimeout(timer));
      done.catch(() => {});
      return { status: how === 'late' ? 202 : 200, payload: receipt };
    },
    purges(payload) {
      const id = fieldOf(payload, 'id');
      if (id === undefined)
        return {
          status: 200,
          payload: { receipts: purger.receipts(limitOf(fieldOf(payload, 'limit'), RECEIPTS_SHOWN, RECEIPTS_MAX)) },
        };
      const receipt = purger.receipt(String(id));
      if (receipt === undefined)
        throw new EdgeError('CACHE_PURGE_UNKNOWN', `Cannot show purge ${JSON.stringify(id)}: no receipt is kept of it`);
      return { status: 200, payload: receipt };
    },
  };
}
