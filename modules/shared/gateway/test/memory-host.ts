// A host in memory that keeps what it saw, with switches for the faults the tests need.

import { createSasToken, mergePatch, parseSasToken, type TwinProperties, verifySasSignature } from '@wayside/protocol';
import {
  type CloseReason,
  type ConnectAnswer,
  type ConnectionInfo,
  type ConnectRequest,
  clientIdOf,
  type GatewayHost,
  type InboundMessage,
  type Session,
} from '../src/index.ts';

export const KEY = Buffer.from('test key of every client').toString('base64');
export const HUB_HOST = 'hub.test';

export function tokenFor(clientId: string, lifeSecs = 3600, key = KEY): string {
  const [deviceId, moduleId] = clientId.split('/');
  const resource = `${HUB_HOST}/devices/${deviceId}${moduleId ? `/modules/${moduleId}` : ''}`;
  return createSasToken({ resource, keyBase64: key, expiresAtSecs: Math.floor(Date.now() / 1000) + lifeSecs });
}

export class MemoryHost implements GatewayHost {
  readonly stored = new Map<string, Session>();
  readonly messages: InboundMessage[] = [];
  readonly connects: ConnectionInfo[] = [];
  readonly disconnects: { clientId: string; epoch: number; reason: CloseReason }[] = [];
  readonly refusals: { clientId: string; code: number; reason: string }[] = [];
  readonly methodResults: { clientId: string; rid: string; status: number; body: string }[] = [];
  readonly twins = new Map<string, TwinProperties>();
  readonly subscribedInfos: ConnectionInfo[] = [];
  /** Replaces the storing of a message. */
  onTelemetry: (message: InboundMessage) => Promise<void> = async () => undefined;
  onPatch: () => Promise<void> = async () => undefined;
  disabled = new Set<string>();

  readonly sessions = {
    load: async (id: { deviceId: string }) => this.stored.get(clientIdOf(id)),
    save: async (id: { deviceId: string }, session: Session) => void this.stored.set(clientIdOf(id), session),
    remove: async (id: { deviceId: string }) => void this.stored.delete(clientIdOf(id)),
  };

  async authenticate(request: ConnectRequest): Promise<ConnectAnswer> {
    const token = parseSasToken(request.password ?? '');
    const clientId = clientIdOf(request.identity);
    const [deviceId, moduleId] = clientId.split('/');
    const resource = `${HUB_HOST}/devices/${deviceId}${moduleId ? `/modules/${moduleId}` : ''}`;
    if (this.disabled.has(clientId)) return { ok: false, code: 5, reason: 'disabled' };
    if (!token || token.resource !== resource || !verifySasSignature(token, KEY)) {
      return { ok: false, code: 5, reason: 'wrong token' };
    }
    return { ok: true, identity: request.identity, expiresAtSecs: token.se };
  }

  async telemetry(message: InboundMessage): Promise<void> {
    this.messages.push(message);
    await this.onTelemetry(message);
  }

  twin(clientId: string): TwinProperties {
    const known = this.twins.get(clientId);
    if (known) return known;
    const twin = { desired: { $version: 1 }, reported: { $version: 1 } };
    this.twins.set(clientId, twin);
    return twin;
  }

  async twinGet(identity: { deviceId: string }): Promise<TwinProperties> {
    return this.twin(clientIdOf(identity));
  }

  async patchReported(identity: { deviceId: string }, patch: Parameters<typeof mergePatch>[1]): Promise<number> {
    await this.onPatch();
    const twin = this.twin(clientIdOf(identity));
    const $version = twin.reported.$version + 1;
    twin.reported = { ...mergePatch(twin.reported, patch), $version };
    return $version;
  }

  methodResult(identity: { deviceId: string }, result: { rid: string; status: number; body: Buffer }): void {
    this.methodResults.push({ ...result, clientId: clientIdOf(identity), body: result.body.toString() });
  }

  connected(info: ConnectionInfo): void {
    this.connects.push(info);
  }

  disconnected(info: ConnectionInfo, reason: CloseReason): void {
    this.disconnects.push({ clientId: clientIdOf(info.identity), epoch: info.epoch, reason });
  }

  subscribed(info: ConnectionInfo): void {
    this.subscribedInfos.push(info);
  }

  refused(event: { clientId: string; code: number; reason: string }): void {
    this.refusals.push(event);
  }
}

/** Resolves when the condition holds; looks again every few milliseconds; rejects with its text after `timeoutMs`. */
export async function until(condition: () => boolean, what: string, timeoutMs = 10_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`Timed out: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
