// A cloud for the hub's tests, made of the same front end: registry in memory, twins, methods, telemetry, the scope calls. It can be cut off.

import { randomUUID } from 'node:crypto';
import https from 'node:https';
import {
  CLOUD_POLICY,
  type ConnectAnswer,
  type ConnectRequest,
  clientIdOf,
  createGateway,
  type Gateway,
  type GatewayHost,
  type Identity,
  type InboundMessage,
  type Session,
  tlsContext,
} from '@wayside/gateway';
import { closeServer, listen, silentLogger } from '@wayside/kit';
import type { TestCa } from '@wayside/kit/test-certificates';
import { type JsonObject, mergePatch, parseSasToken, type TwinProperties, verifySasSignature } from '@wayside/protocol';
import { until } from './until.ts';

export const HUB_HOST = 'localhost';
export const DEVICE = 'node1';

interface Registered {
  key: string;
  enabled: boolean;
}

export class TestCloud implements GatewayHost {
  readonly registry = new Map<string, Registered>();
  readonly messages: InboundMessage[] = [];
  readonly twins = new Map<string, TwinProperties>();
  readonly stored = new Map<string, Session>();
  readonly #results = new Map<string, { status: number; payload: unknown }>();
  readonly #ca: TestCa;
  scopeCalls = 0;
  mqttPort = 0;
  httpsPort = 0;
  #gateway: Gateway | undefined;
  #https: https.Server | undefined;

  readonly sessions = {
    load: async (id: Identity) => this.stored.get(clientIdOf(id)),
    save: async (id: Identity, session: Session) => void this.stored.set(clientIdOf(id), session),
    remove: async (id: Identity) => void this.stored.delete(clientIdOf(id)),
  };

  constructor(ca: TestCa) {
    this.#ca = ca;
  }

  register(clientId: string, key: string): void {
    this.registry.set(clientId, { key, enabled: true });
  }

  get gateway(): Gateway {
    return this.#gateway!;
  }

  /** Opens the listeners, the second time on the same ports. */
  async up(): Promise<void> {
    const certificate = await this.#ca.issue(['localhost', '127.0.0.1']);
    this.#gateway = createGateway({ host: this, policy: CLOUD_POLICY, logger: silentLogger });
    const listener = await this.#gateway.listenTls({ port: this.mqttPort, address: '127.0.0.1', certificate });
    this.mqttPort = listener.port;
    this.#https = https.createServer(tlsContext(certificate), (request, response) => this.#answer(request, response));
    const { port } = await listen(this.#https, { port: this.httpsPort, host: '127.0.0.1' });
    this.httpsPort = port;
  }

  async down(): Promise<void> {
    await this.#gateway?.close();
    if (this.#https) await closeServer(this.#https, 0);
    this.#gateway = undefined;
    this.#https = undefined;
  }

  #isAuthorized(identity: Identity, token: string | undefined): number | undefined {
    const parsed = parseSasToken(token ?? '');
    const known = this.registry.get(clientIdOf(identity));
    const resource = `${HUB_HOST}/devices/${clientIdOf(identity).replace('/', '/modules/')}`;
    if (!parsed || !known?.enabled || parsed.resource !== resource || !verifySasSignature(parsed, known.key))
      return undefined;
    return parsed.se;
  }

  async authenticate({ identity, password, hubHost }: ConnectRequest): Promise<ConnectAnswer> {
    const expiresAtSecs = hubHost === HUB_HOST ? this.#isAuthorized(identity, password) : undefined;
    return expiresAtSecs === undefined ? { ok: false, code: 5, reason: 'no' } : { ok: true, identity, expiresAtSecs };
  }

  async telemetry(message: InboundMessage): Promise<void> {
    this.messages.push(message);
  }

  twin(clientId: string): TwinProperties {
    const known = this.twins.get(clientId) ?? { desired: { $version: 1 }, reported: { $version: 1 } };
    this.twins.set(clientId, known);
    return known;
  }
  async twinGet(identity: Identity): Promise<TwinProperties> {
    return this.twin(clientIdOf(identity));
  }
  async patchReported(identity: Identity, patch: JsonObject): Promise<number> {
    const twin = this.twin(clientIdOf(identity));
    const { $version, ...reported } = twin.reported;
    twin.reported = { ...mergePatch(reported, patch), $version: $version + 1 };
    return twin.reported.$version;
  }
  setDesired(clientId: string, patch: JsonObject): number {
    const twin = this.twin(clientId);
    const { $version, ...desired } = twin.desired;
    twin.desired = { ...mergePatch(desired, patch), $version: $version + 1 };
    const [deviceId = '', moduleId = ''] = clientId.split('/');
    this.#gateway?.desired({ deviceId, moduleId }, patch, $version + 1);
    return $version + 1;
  }

  methodResult(_identity: Identity, { rid, status, body }: { rid: string; status: number; body: Buffer }): void {
    this.#results.set(rid, { status, payload: body.length === 0 ? undefined : JSON.parse(body.toString()) });
  }
  async method(clientId: string, name: string, payload: unknown): Promise<{ status: number; payload: unknown }> {
    const [deviceId = '', moduleId = ''] = clientId.split('/');
    const rid = randomUUID();
    const identity = { deviceId, moduleId };
    await until(
      () => this.gateway.connection(identity)?.session.subscriptions.methods !== undefined,
      `${clientId} takes methods`,
    );
    this.gateway.method(identity, { name, rid, body: JSON.stringify(payload) });
    await until(() => this.#results.has(rid), `answer of ${clientId}.${name}`);
    return this.#results.get(rid)!;
  }

  #answer(request: import('node:http').IncomingMessage, response: import('node:http').ServerResponse): void {
    const url = new URL(request.url!, 'https://x');
    const match =
      /^\/devices\/([^/]+)\/modules\/\$edgeHub\/(devicesAndModulesInDeviceScope|deviceAndModuleInDeviceScope)$/.exec(
        decodeURIComponent(url.pathname),
      );
    const hub = { deviceId: match?.[1] ?? '', moduleId: '$edgeHub' };
    if (!match || this.#isAuthorized(hub, request.headers.authorization) === undefined) {
      response.writeHead(401).end();
      return;
    }
    this.scopeCalls++;
    const target = url.searchParams.get('targetDeviceId');
    const targetId =
      target === null
        ? undefined
        : clientIdOf({ deviceId: target, moduleId: url.searchParams.get('targetModuleId') ?? undefined });
    const all = [...this.registry].filter(
      ([clientId]) => targetId === undefined || clientId === targetId || clientId === target,
    );
    const json = (clientId: string, { key, enabled }: Registered) => {
      const [deviceId, moduleId] = clientId.split('/');
      const authentication = { type: 'sas', symmetricKey: { primaryKey: key, secondaryKey: key } };
      return moduleId
        ? { deviceId, moduleId, authentication }
        : { deviceId, status: enabled ? 'enabled' : 'disabled', authentication };
    };
    const devices = all.filter(([id]) => !id.includes('/')).map(([id, item]) => json(id, item));
    const modules = all.filter(([id, item]) => id.includes('/') && item.enabled).map(([id, item]) => json(id, item));
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ devices, modules, continuationLink: '' }));
  }
}
