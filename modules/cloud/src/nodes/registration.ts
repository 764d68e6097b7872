// Turns a one-time registration key into a device identity (docs/contracts.md 5).
//
// INVARIANTS
// - A key is used by one nonce only: the row is marked in the transaction that checks it, before any answer.
// - The same key with the same nonce gets the answer again, so a lost answer does not lose a node.
// - Key and nonce are stored as hashes; neither is logged.
// - Which of ids and keys was wrong is not said: only somebody with the whole command learns that its key was used.

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { type Clock, EdgeError, isEdgeError, Semaphore } from '@wayside/kit';
import type { ProvisionAnswer, ProvisionRequest } from '@wayside/protocol';
import { refusal } from '../errors.ts';
import { FailureLimit } from '../people/failure-limit.ts';
import type { Actor, Platform } from '../platform.ts';
import { type ImageNames, imageOf } from './node-manifest.ts';
import type { NodeRecord } from './node-record.ts';
import { forgetServer, readNodeById } from './node-rows.ts';
import type { NodeDb } from './tables.ts';
import { byWhom, type Timeline } from './timeline.ts';

const KEY_BYTES = 32;
/** A command is run soon after it was printed; one that lies in a mailbox for longer is dead. */
export const REGISTRATION_KEY_LIFETIME_MS = 7 * 86_400_000;
/** How long the answer can be asked for again with the same nonce. */
export const REGISTRATION_REPEAT_MS = 86_400_000;
/** Status reason of a device that waits for its new server. */
const SERVER_REPLACED = 'The server of this node is being replaced';
const FAILURES_MAX = 20;
const FAILURE_WINDOW_MS = 60_000;
/** A site whose nodes share an address may start all of them at once. */
const WAITING_PER_SOURCE_MAX = 1_000;
const QUEUE_FULL_RETRY_MS = 5_000;

export interface RegistrationOptions {
  db: NodeDb;
  platform: Pick<Platform, 'getDevice' | 'createEdgeDevice' | 'lockOut' | 'letIn'>;
  clock: Clock;
  timeline: Timeline;
  images: ImageNames;
  /** What nodes are told to dial. */
  endpoint: { hostname: string; mqttPort: number; httpsPort: number };
  /** PEM. */
  caCertificate: string;
  /** A server registered with a new key; `before` = the node as it was. */
  onRegistered?(before: NodeRecord): Promise<void>;
}

export class Registration {
  private readonly options: RegistrationOptions;
  private readonly limit = new FailureLimit({ failuresMax: FAILURES_MAX, windowMs: FAILURE_WINDOW_MS });
  /** By source, while any of its requests is checked or waits. */
  private readonly turns = new Map<string, Semaphore>();

  constructor(options: RegistrationOptions) {
    this.options = options;
  }

  /** A new key for the node; unused older ones stop working. */
  async issueKey(node: NodeRecord): Promise<string> {
    const { db, clock } = this.options;
    const key = randomBytes(KEY_BYTES).toString('base64url');
    const nowMs = clock.nowMs();
    await db.transaction().execute(async (trx) => {
      await trx
        .deleteFrom('registration_key')
        .where('node_name', '=', node.name)
        .where((eb) => eb.or([eb('used_ms', 'is', null), eb('used_ms', '<', nowMs - REGISTRATION_REPEAT_MS)]))
        .execute();
      const row = {
        key_hash: hash(key),
        node_name: node.name,
        created_ms: nowMs,
        expires_ms: nowMs + REGISTRATION_KEY_LIFETIME_MS,
        used_ms: null,
        nonce_hash: null,
      };
      await trx.insertInto('registration_key').values(row).execute();
    });
    return key;
  }

  /** Unused keys stop working; how many there were. */
  async revokeKeys(node: NodeRecord): Promise<number> {
    const { numDeletedRows } = await this.options.db
      .deleteFrom('registration_key')
      .where('node_name', '=', node.name)
      .where('used_ms', 'is', null)
      .executeTakeFirst();
    return Number(numDeletedRows);
  }

  /** Another server takes the node's place: the keys of the one before are worth nothing from now on, those it would register with neither. */
  async replaceServer(node: NodeRecord, by: Actor): Promise<void> {
    const { db, platform, timeline } = this.options;
    if (await platform.getDevice(node.name)) await platform.lockOut(node.name, SERVER_REPLACED);
    await forgetServer(db, node.name);
    const host = node.provisionedHost === null ? 'the server before' : node.provisionedHost;
    const text = `Server to be replaced${byWhom(by)}: the keys of ${host} were revoked, another one may register`;
    await timeline.record({ nodeName: node.name, kind: 'registration', subject: '', text, details: { by } });
  }

  /** `source` = the caller's address. CLOUD_REGISTRATION_KEY_WRONG, _USED, _EXPIRED, CLOUD_REGISTRATION_LIMITED. */
  async provision(request: ProvisionRequest, source: string): Promise<ProvisionAnswer> {
    const { clock } = this.options;
    const { node, isRepeat } = await this.checkedOneByOne(source, async () => {
      const waitMs = this.limit.waitMs(source, clock.monotonicMs());
      if (waitMs > 0) throw limited(source, waitMs);
      try {
        const found = await this.findNode(request);
        return { node: found, isRepeat: await this.useKey(found, request) };
      } catch (error) {
        this.limit.fail(source, clock.monotonicMs());
        throw error;
      }
    });
    // Also for a repeat: the cloud may have died after it took the key.
    await this.options.platform.letIn(node.name, SERVER_REPLACED);
    if (!isRepeat) {
      await this.recordRegistration(node, request, source);
      await this.options.onRegistered?.(node);
    }
    return this.answer(node);
  }

  /** Keys from one address are checked in turn, so that many guesses at once find the failures of those before; honest nodes only wait. */
  private async checkedOneByOne<T>(source: string, check: () => Promise<T>): Promise<T> {
    const turn = this.turns.get(source) ?? new Semaphore(1, WAITING_PER_SOURCE_MAX);
    this.turns.set(source, turn);
    try {
      return await turn.run(check);
    } catch (error) {
      if (isEdgeError(error, 'KIT_QUEUE_FULL')) throw limited(source, QUEUE_FULL_RETRY_MS);
      throw error;
    } finally {
      if (turn.running === 0 && this.turns.get(source) === turn) this.turns.delete(source);
    }
  }

  private async findNode(request: ProvisionRequest): Promise<NodeRecord> {
    const node = await readNodeById(this.options.db, request.cacheNodeId);
    const fits = [
      same(request.customerId, node?.customerId ?? ''),
      same(request.customerKey, node?.customerKey ?? ''),
    ].every(Boolean);
    if (!node || !fits) throw wrongKey();
    return node;
  }

  /** true when this nonce had used the key already. */
  private useKey(node: NodeRecord, request: ProvisionRequest): Promise<boolean> {
    const nowMs = this.options.clock.nowMs();
    const keyHash = hash(request.registrationKey);
    const nonceHash = hash(request.nonce);
    return this.options.db.transaction().execute(async (trx) => {
      const row = await trx
        .selectFrom('registration_key')
        .selectAll()
        .where('key_hash', '=', keyHash)
        .where('node_name', '=', node.name)
        .executeTakeFirst();
      if (!row) throw wrongKey();
      if (row.used_ms === null) {
        if (row.expires_ms <= nowMs) throw expiredKey(row.expires_ms);
        const used = { used_ms: nowMs, nonce_hash: nonceHash };
        await trx.updateTable('registration_key').set(used).where('key_hash', '=', keyHash).execute();
        await trx
          .updateTable('cache_node')
          .set({
            provisioned_ms: nowMs,
            provisioned_host: request.hostname,
            provisioned_version: request.version,
          })
          .where('name', '=', node.name)
          .execute();
        return false;
      }
      const isRepeat = same(nonceHash, row.nonce_hash ?? '') && nowMs - row.used_ms < REGISTRATION_REPEAT_MS;
      if (!isRepeat) throw usedKey(row.used_ms);
      return true;
    });
  }

  private recordRegistration(node: NodeRecord, request: ProvisionRequest, source: string): Promise<void> {
    return this.options.timeline.record({
      nodeName: node.name,
      kind: 'registration',
      subject: '',
      text: `Provisioned by ${request.hostname} (daemon ${request.version}) from ${source}`,
      details: { hostname: request.hostname, version: request.version, source },
    });
  }

  private async answer(node: NodeRecord): Promise<ProvisionAnswer> {
    const { platform, endpoint, caCertificate, images } = this.options;
    const device = (await platform.getDevice(node.name)) ?? (await platform.createEdgeDevice(node.name));
    if (!device.primaryKey) {
      const message = `Cannot answer the registration of ${node.name}: its device authenticates by ${device.authType}, wanted sas`;
      throw new EdgeError('CLOUD_INTERNAL', message);
    }
    return {
      iothubHostname: endpoint.hostname,
      deviceId: node.name,
      primaryKey: device.primaryKey,
      mqttPort: endpoint.mqttPort,
      httpsPort: endpoint.httpsPort,
      caCertificate,
      agentImage: imageOf({ ...images, tag: node.moduleVersion ?? images.tag }, 'agent'),
    };
  }
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Compares secrets without telling by the time taken how much of them fits. */
function same(a: string, b: string): boolean {
  return timingSafeEqual(Buffer.from(hash(a)), Buffer.from(hash(b)));
}

function wrongKey(): EdgeError {
  return refusal(
    'CLOUD_REGISTRATION_KEY_WRONG',
    'Cannot provision: customer id, cache node id, customer key and registration key do not belong together, or the key was replaced by a newer one',
  );
}

function usedKey(usedAtMs: number): EdgeError {
  const usedAtUtc = new Date(usedAtMs).toISOString();
  return refusal(
    'CLOUD_REGISTRATION_KEY_USED',
    `Cannot provision: the registration key was used at ${usedAtUtc}, a key works once`,
    { usedAtUtc },
  );
}

function expiredKey(expiresAtMs: number): EdgeError {
  const expiredAtUtc = new Date(expiresAtMs).toISOString();
  return refusal(
    'CLOUD_REGISTRATION_KEY_EXPIRED',
    `Cannot provision: the registration key expired at ${expiredAtUtc}`,
    {
      expiredAtUtc,
    },
  );
}

function limited(source: string, waitMs: number): EdgeError {
  const retryAfterSecs = Math.ceil(waitMs / 1000);
  return new EdgeError(
    'CLOUD_REGISTRATION_LIMITED',
    `Cannot provision: too many registrations from ${source} failed or wait, at most ${FAILURES_MAX} a minute may fail; try again in ${retryAfterSecs} s`,
    { details: { retryAfterSecs }, retry: { afterMs: waitMs }, source: 'downstream' },
  );
}
