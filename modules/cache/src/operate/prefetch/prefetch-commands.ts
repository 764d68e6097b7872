// The commands of prefetching: begin, list, show, cancel.

import { type Command, fieldOf, limitOf } from '../commands.ts';
import { JOBS_MAX } from './job-store.ts';
import type { Prefetcher } from './prefetcher.ts';

const JOBS_SHOWN = 20;
const ITEMS_SHOWN = 100;
/** Results in one answer: a direct method's payload ends at 128 KiB. */
const ITEMS_SHOWN_MAX = 1000;

export function prefetchCommands(
  prefetcher: Prefetcher,
): Record<'prefetch' | 'prefetchJobs' | 'cancelPrefetch', Command> {
  return {
    prefetch: (payload, by) => ({ status: 202, payload: prefetcher.add(payload, by) }),
    prefetchJobs(payload) {
      const id = fieldOf(payload, 'id');
      if (id === undefined)
        return {
          status: 200,
          payload: { jobs: prefetcher.list(limitOf(fieldOf(payload, 'limit'), JOBS_SHOWN, JOBS_MAX)) },
        };
      const offset = limitOf(fieldOf(payload, 'offset'), 0, Number.MAX_SAFE_INTEGER);
      const limit = limitOf(fieldOf(payload, 'limit'), ITEMS_SHOWN, ITEMS_SHOWN_MAX);
      return { status: 200, payload: prefetcher.show(String(id), offset, limit) };
    },
    cancelPrefetch: (payload) => ({ status: 200, payload: prefetcher.cancel(String(fieldOf(payload, 'id'))) }),
  };
}
