// Tables of cloud-to-device messages and their feedback, as kysely sees them.

import type { Generated, Kysely } from 'kysely';
import type { Database, Db } from '../store/tables.ts';

export const ACKS = ['none', 'positive', 'negative', 'full'] as const;
/** Which ends of a message its sender wants to hear of. */
export type Ack = (typeof ACKS)[number];

/** One row a device that ever got a message: makes the count of waiting ones and their numbers one atomic step. */
export interface C2dQueueTable {
  device_id: string;
  /** Always '': the identity of a device. */
  module_id: string;
  waiting: number;
  last_sequence: number;
}

export interface C2dMessageTable {
  device_id: string;
  sequence: number;
  /** Generation of the device the message was sent to. */
  generation_id: string;
  /** JSON, names as in MessageProperties. */
  system: string;
  app: string;
  body: Uint8Array;
  ack: Ack;
  enqueued_ms: number;
  expires_ms: number;
  /** Deliveries begun. */
  delivery_count: number;
  lock_token: string | null;
  /** Until then the message is with the holder of the lock token. */
  locked_until_ms: number;
}

export interface C2dFeedbackTable {
  seq: Generated<number>;
  /** JSON, one record of a feedback message. */
  record: string;
  created_ms: number;
  lock_token: string | null;
  locked_until_ms: number;
}

type C2dTables = {
  c2d_queue: C2dQueueTable;
  c2d_message: C2dMessageTable;
  c2d_feedback: C2dFeedbackTable;
};

export type C2dDatabase = Database & C2dTables;

export type C2dDb = Kysely<C2dDatabase>;

export function c2dTables(db: Db): C2dDb {
  return db.withTables<C2dTables>() as unknown as C2dDb;
}
