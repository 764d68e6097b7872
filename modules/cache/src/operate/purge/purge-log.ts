// The receipts of purges, kept on every drive: each drive knows by its own copy which purges it has seen.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeJsonFile } from '@wayside/kit';
import type { PurgeRequest } from './purge-request.ts';

const PURGES_FILE = 'purges.json';
/** Receipts kept, and characters of their requests in all: the oldest make room. */
export const RECEIPTS_MAX = 200;
export const RECEIPT_CHARACTERS_MAX = 2_000_000;

export interface DriveReceipt {
  path: string;
  /** `out`: the drive was not there; what it holds is purged before it serves again. */
  state: 'done' | 'out';
  objects: number;
  bytes: number;
}

/** What was asked and what went; written before the purge begins and when it is done. */
export interface PurgeReceipt {
  id: string;
  /** Rises by one with each purge of this store. */
  sequence: number;
  atUtc: string;
  finishedAtUtc: string | null;
  state: 'running' | 'done';
  /** Who asked: `operations` (HTTP) or `method` (direct method through the hub). */
  by: string;
  request: PurgeRequest;
  objects: number;
  /** As they lay on the drives. */
  bytes: number;
  drives: DriveReceipt[];
  /** Objects that were being sent or fetched; their transfers from the origin were cut. */
  inUse: number;
  fillsCut: number;
  /** Keys of the first of those. */
  inUseKeys: string[];
}

interface PurgeFile {
  sequence: number;
  receipts: PurgeReceipt[];
}

/** What a drive knows; nothing when it never saw a purge or its file cannot be read. */
export function readPurgesSync(drivePath: string): PurgeFile {
  try {
    const file = JSON.parse(readFileSync(join(drivePath, PURGES_FILE), 'utf8')) as Partial<PurgeFile>;
    if (typeof file.sequence !== 'number' || !Array.isArray(file.receipts)) throw new TypeError('no purge log');
    return { sequence: file.sequence, receipts: file.receipts };
  } catch {
    return { sequence: 0, receipts: [] };
  }
}

export async function writePurges(drivePath: string, receipts: readonly PurgeReceipt[]): Promise<void> {
  await writeJsonFile(join(drivePath, PURGES_FILE), { sequence: receipts.at(-1)?.sequence ?? 0, receipts });
}

/** Oldest first; what is over the limits is left out at the front. */
export function trimmed(receipts: readonly PurgeReceipt[]): PurgeReceipt[] {
  const kept: PurgeReceipt[] = [];
  let characters = 0;
  for (const receipt of receipts.toReversed()) {
    characters += JSON.stringify(receipt.request).length;
    if (kept.length >= RECEIPTS_MAX || (kept.length > 0 && characters > RECEIPT_CHARACTERS_MAX)) break;
    kept.push(receipt);
  }
  return kept.reverse();
}
