// edgeHub for one module: the real device protocol, everything in memory, and it can be taken away.

import { randomUUID } from 'node:crypto';
import {
  createGateway,
  EDGE_POLICY,
  type Gateway,
  type GatewayHost,
  type InboundMessage,
  type Session,
} from '@wayside/gateway';
import { silentLogger } from '@wayside/kit';
import type { TestCa } from '@wayside/kit/test-certificates';
import { type JsonObject, mergePatch, type TwinProperties } from '@wayside/protocol';
import { until } from './lab.ts';

const IDENTITY = { deviceId: 'node1', moduleId: 'bgp' };

export class EdgeHub implements GatewayHost {
  readonly messages: { type: string; output: string; body: JsonObject }[] = [];
  twin: TwinProperties = { desired: { $version: 1 }, reported: { $version: 1 } };
  port = 0;
  readonly #ca: TestCa;
  #session: Session | undefined;
  #gateway: Gateway | undefined;
  readonly #answers = new Map<string, { status: number; payload: JsonObject }>();

  readonly sessions = {
    load: async () => this.#session,
    save: async (_identity: unknown, session: Session) => {
      this.#session = session;
    },
    remove: async () => {
      this.#session = undefined;
    },
  };

  constructor(ca: TestCa) {
    this.#ca = ca;
  }

  /** Opens the listener, the second time on the same port. */
  async up(): Promise<void> {
    const certificate = await this.#ca.issue(['localhost']);
    this.#gateway = createGateway({ host: this, policy: EDGE_POLICY, logger: silentLogger });
    this.port = (await this.#gateway.listenTls({ port: this.port, address: '127.0.0.1', certificate })).port;
  }

  async down(): Promise<void> {
    await this.#gateway?.close();
    this.#gateway = undefined;
  }

  async authenticate() {
    return { ok: true as const, identity: IDENTITY, expiresAtSecs: Math.floor(Date.now() / 1000) + 3600 };
  }

  async telemetry({ properties, body }: InboundMessage): Promise<void> {
    this.messages.push({
      type: properties.app.messageType ?? '',
      output: properties.system.outputName ?? '',
      body: JSON.parse(Buffer.from(body).toString()),
    });
  }

  async twinGet(): Promise<TwinProperties> {
    return this.twin;
  }

  async patchReported(_identity: unknown, patch: JsonObject): Promise<number> {
    const { $version, ...reported } = this.twin.reported;
    this.twin.reported = { ...mergePatch(reported, patch), $version: $version + 1 };
    return $version + 1;
  }

  setDesired(patch: JsonObject): void {
    const { $version, ...desired } = this.twin.desired;
    this.twin.desired = { ...mergePatch(desired, patch), $version: $version + 1 };
    this.#gateway?.desired(IDENTITY, patch, $version + 1);
  }

  methodResult(_identity: unknown, { rid, status, body }: { rid: string; status: number; body: Buffer }): void {
    this.#answers.set(rid, { status, payload: body.length === 0 ? {} : JSON.parse(body.toString()) });
  }

  async method(name: string, payload: JsonObject): Promise<{ status: number; payload: JsonObject }> {
    const rid = randomUUID();
    await until(
      'the module takes methods',
      () => this.#gateway?.connection(IDENTITY)?.session.subscriptions.methods !== undefined,
    );
    this.#gateway?.method(IDENTITY, { name, rid, body: JSON.stringify(payload) });
    return until(`answer of ${name}`, () => this.#answers.get(rid));
  }
}
