// The table of `wayside list`, in the exact layout and words of the original (iotedge.md 5.2).

import type { ModuleDetails } from '@wayside/protocol';
import { alignedTable } from './aligned-table.ts';
import { elapsedText, parseTimeNs } from './elapsed-time.ts';

/** Narrowest column of the original's table, in characters. */
const COLUMN_WIDTH_MIN = 15;

const byName = (a: ModuleDetails, b: ModuleDetails): number => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name));

/** Header and one line a module, sorted by name in byte order. */
export function moduleTable(modules: readonly ModuleDetails[], nowNs: bigint): string {
  const rows = [...modules]
    .sort(byName)
    .map((m) => [m.name, m.status.runtimeStatus.status, describeModule(m, nowNs), m.config.settings.image]);
  return alignedTable([['NAME', 'STATUS', 'DESCRIPTION', 'Config'], ...rows], COLUMN_WIDTH_MIN);
}

function describeModule(module: ModuleDetails, nowNs: bigint): string {
  const { startTime, exitStatus, runtimeStatus } = module.status;
  const since = (time: string | undefined): string | undefined => {
    const atNs = time === undefined ? undefined : parseTimeNs(time);
    return atNs === undefined ? undefined : elapsedText(nowNs - atNs);
  };
  switch (runtimeStatus.status) {
    case 'running': {
      const up = since(startTime);
      return up === undefined ? 'Up' : `Up ${up}`;
    }
    case 'stopped':
    case 'dead': {
      const ago = since(exitStatus?.exitTime);
      return ago === undefined ? 'Stopped' : `Stopped ${ago} ago`;
    }
    case 'failed': {
      const ago = since(exitStatus?.exitTime);
      return ago === undefined ? 'Failed' : `Failed (${exitStatus!.statusCode}) ${ago} ago`;
    }
    default:
      return 'Unknown';
  }
}
