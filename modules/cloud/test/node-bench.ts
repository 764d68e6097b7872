// A bench for the cache-node face: the real store in memory, a fake of the IoT Hub face, a clock that stands.

import { FakeClock, silentLogger } from '@wayside/kit';
import type { JsonObject, ModulesContent } from '@wayside/protocol';
import { Accounts } from '../src/accounts/accounts.ts';
import { refusal } from '../src/errors.ts';
import type { NodeRecord } from '../src/nodes/node-record.ts';
import { NodeRegistry } from '../src/nodes/node-registry.ts';
import type { NodeDb, NodeTableMap } from '../src/nodes/tables.ts';
import { Timeline } from '../src/nodes/timeline.ts';
import type { DeviceIdentity, ModuleIdentity, PlatformEvents, TelemetryMessage, Twin } from '../src/platform.ts';
import { openTestStore } from './store-under-test.ts';

export const CUSTOMER_ID = 'c0000000-0000-4000-8000-000000000000';
export const IMAGES = { prefix: 'wayside/', tag: '1.2.3' };

type Listener = (value: never) => void;

/** What the cache-node face asks of the IoT Hub face, in memory. */
export class FakePlatform {
  /** Devices whose last deployment was made from the fields. */
  readonly followsFields = new Set<string>();
  readonly devices = new Map<string, DeviceIdentity>();
  readonly contents = new Map<string, ModulesContent>();
  readonly messages: TelemetryMessage[] = [];
  readonly twinPatches: { deviceId: string; moduleId: string | undefined; patch: object }[] = [];
  /** Actor of the newest applyContent. */
  appliedBy = '';
  agentReported: JsonObject = {};
  desiredVersion = 1;
  desiredAtMs = 0;
  agentConnected = false;
  /** The next applyContent fails with this. */
  applyFailure: Error | undefined;
  private readonly listeners = new Map<string, Set<Listener>>();

  async createEdgeDevice(deviceId: string): Promise<DeviceIdentity> {
    if (this.devices.has(deviceId)) throw refusal('CLOUD_DEVICE_EXISTS', `Device ${deviceId} exists`);
    const device = { deviceId, status: 'enabled', authType: 'sas', primaryKey: `key of ${deviceId}` } as DeviceIdentity;
    this.devices.set(deviceId, device);
    return device;
  }

  async getDevice(deviceId: string): Promise<DeviceIdentity | undefined> {
    return this.devices.get(deviceId);
  }

  async deleteDevice(deviceId: string): Promise<void> {
    if (!this.devices.delete(deviceId)) throw refusal('CLOUD_DEVICE_NOT_FOUND', `There is no device ${deviceId}`);
    this.contents.delete(deviceId);
  }

  async lockOut(deviceId: string, statusReason: string): Promise<void> {
    const device = this.devices.get(deviceId) as DeviceIdentity;
    this.devices.set(deviceId, { ...device, primaryKey: 'renewed', status: 'disabled', statusReason });
  }

  async letIn(deviceId: string, reason: string): Promise<void> {
    const device = this.devices.get(deviceId);
    if (device?.statusReason === reason)
      this.devices.set(deviceId, { ...device, status: 'enabled', statusReason: null });
  }

  async listModules(deviceId: string): Promise<ModuleIdentity[]> {
    return [{ deviceId, moduleId: '$edgeAgent', connected: this.agentConnected } as ModuleIdentity];
  }

  async getTwin(deviceId: string): Promise<Twin | undefined> {
    const desiredMetadata = { $lastUpdated: new Date(this.desiredAtMs).toISOString() };
    return {
      deviceId,
      desired: this.contents.get(deviceId)?.$edgeAgent?.['properties.desired'] ?? {},
      desiredVersion: this.desiredVersion,
      desiredMetadata,
      reported: this.agentReported,
    } as Partial<Twin> as Twin;
  }

  async applyContent(deviceId: string, content: ModulesContent, by = '', how: { followsFields?: boolean } = {}) {
    this.appliedBy = by;
    if (this.applyFailure) {
      const failure = this.applyFailure;
      this.applyFailure = undefined;
      throw failure;
    }
    this.contents.set(deviceId, structuredClone(content));
    if (how.followsFields) this.followsFields.add(deviceId);
    else this.followsFields.delete(deviceId);
    this.desiredVersion += 1;
    return { desiredVersion: this.desiredVersion, modules: Object.keys(content) };
  }

  async patchTwin(deviceId: string, moduleId: string | undefined, patch: { desired?: JsonObject }): Promise<Twin> {
    this.twinPatches.push({ deviceId, moduleId, patch });
    return { deviceId } as Partial<Twin> as Twin;
  }

  async getOwnDeployment(deviceId: string) {
    return { content: await this.getContent(deviceId), followsFields: this.followsFields.has(deviceId) };
  }

  async getContent(deviceId: string): Promise<ModulesContent> {
    return this.contents.get(deviceId) ?? {};
  }

  async queryTelemetry(deviceId: string, filter: { afterSeq?: number; limit: number }): Promise<TelemetryMessage[]> {
    const after = filter.afterSeq ?? 0;
    return this.messages.filter((m) => m.deviceId === deviceId && m.seq > after).slice(0, filter.limit);
  }

  on<E extends keyof PlatformEvents>(event: E, listener: (value: PlatformEvents[E]) => void): () => void {
    const set = this.listeners.get(event) ?? new Set();
    this.listeners.set(event, set);
    set.add(listener as Listener);
    return () => set.delete(listener as Listener);
  }

  emit<E extends keyof PlatformEvents>(event: E, value: PlatformEvents[E]): void {
    for (const listener of this.listeners.get(event) ?? []) (listener as (value: PlatformEvents[E]) => void)(value);
  }

  /** Stores a message and tells the listeners, as the intake does after its commit. */
  send(message: Partial<TelemetryMessage> & { json: unknown }): TelemetryMessage {
    const { json, ...rest } = message;
    const full: TelemetryMessage = {
      seq: this.messages.length + 1,
      deviceId: 'edge1',
      moduleId: '$edgeAgent',
      enqueuedAtMs: 0,
      messageType: 'health',
      systemProperties: {},
      properties: {},
      body: Buffer.from(JSON.stringify(json)),
      ...rest,
    };
    this.messages.push(full);
    this.emit('telemetry', full);
    return full;
  }
}

export interface NodeBench {
  db: NodeDb;
  clock: FakeClock;
  platform: FakePlatform;
  timeline: Timeline;
  nodes: NodeRegistry;
  accounts: Accounts;
  /** Texts of the node's timeline. */
  events(name?: string): Promise<string[]>;
  aNode(fields?: object): Promise<NodeRecord>;
}

export async function createBench(): Promise<NodeBench> {
  const db: NodeDb = (await openTestStore()).withTables<NodeTableMap>();
  const clock = new FakeClock();
  const platform = new FakePlatform();
  const timeline = new Timeline(db, () => clock.nowMs());
  const accounts = await Accounts.open(db, clock, CUSTOMER_ID);
  await accounts.change(CUSTOMER_ID, { privatePrefixes: true });
  const nodes = new NodeRegistry({
    ...{ db, platform, clock, timeline },
    logger: silentLogger,
    accounts,
    images: IMAGES,
    rules: { driveSizeGbMin: 10 },
  });
  return {
    ...{ db, clock, platform, timeline, nodes, accounts },
    events: async (name = 'edge1') => (await timeline.list(name, { limit: 1000 })).map((event) => event.text),
    aNode: async (fields = {}) => {
      const drives = [{ path: '/d', sizeGb: 10 }];
      return (await nodes.create({ name: 'edge1', ipAddress: '127.0.0.1', drives, ...fields })).node;
    },
  };
}
