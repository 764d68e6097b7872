// A hub for one identity on the real device front end: twin, methods, telemetry, all in memory.

import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import {
  CLOUD_POLICY,
  type ConnectAnswer,
  type ConnectRequest,
  createGateway,
  type Gateway,
  type GatewayHost,
  type Session,
  type TlsListener,
} from '@wayside/gateway';
import { closeServer, listen } from '@wayside/kit';
import type { TestCertificate } from '@wayside/kit/test-certificates';
import { type JsonObject, mergePatch, parseSasToken, sasResourceCovers, verifySasSignature } from '@wayside/protocol';
import { quietLogger } from './quiet-logger.ts';

export const DEVICE = 'node1';
const IDENTITY = { deviceId: DEVICE, moduleId: '$edgeAgent' };
const WAIT_MS_MAX = 45_000;

export class FakeCloud {
  readonly #certificate: TestCertificate;
  readonly #keyBase64: string;
  readonly #sessions = new Map<string, Session>();
  readonly #calls = new Map<string, (answer: { status: number; payload: unknown }) => void>();
  #desired: JsonObject & { $version: number } = { $version: 1 };
  #reported: JsonObject & { $version: number } = { $version: 1 };
  #gateway: Gateway | undefined;
  #listener: TlsListener | undefined;
  #webServer: HttpsServer | undefined;
  #port = 0;
  #webPort = 0;
  readonly telemetry: {
    properties: { [name: string]: string };
    system: { [name: string]: string };
    body: JsonObject;
  }[] = [];
  readonly reportedPatches: JsonObject[] = [];
  readonly userNames: string[] = [];

  constructor(certificate: TestCertificate, keyBase64: string) {
    this.#certificate = certificate;
    this.#keyBase64 = keyBase64;
  }

  get port(): number {
    return this.#port;
  }
  /** HTTPS port that takes MQTT over WebSocket. */
  get webPort(): number {
    return this.#webPort;
  }
  get reported(): JsonObject {
    return this.#reported;
  }
  get version(): number {
    return this.#desired.$version;
  }

  async start(): Promise<void> {
    this.#gateway = createGateway({ host: this.#host(), policy: CLOUD_POLICY, logger: quietLogger() });
    const { certificate, privateKey } = this.#certificate;
    this.#listener = await this.#gateway.listenTls({
      port: this.#port,
      address: '127.0.0.1',
      certificate: { certificate, privateKey },
    });
    this.#port = this.#listener.port;
    this.#webServer = createHttpsServer({ cert: certificate, key: privateKey });
    this.#gateway.attachWebSocket(this.#webServer);
    this.#webPort = (await listen(this.#webServer, { port: this.#webPort, host: '127.0.0.1' })).port;
  }

  async stop(): Promise<void> {
    await this.#gateway?.close();
    if (this.#webServer) await closeServer(this.#webServer, 0);
    this.#gateway = undefined;
  }

  /** A merge patch to the desired section, told to the agent when it is connected. */
  patchDesired(patch: JsonObject): void {
    const version = this.#desired.$version + 1;
    this.#desired = { ...mergePatch(this.#desired, patch), $version: version };
    this.#gateway?.desired(IDENTITY, patch, version);
  }

  /** Changes the section without telling, as when the notification is lost. */
  patchDesiredUnheard(patch: JsonObject): void {
    this.#desired = { ...mergePatch(this.#desired, patch), $version: this.#desired.$version + 1 };
  }

  async method(name: string, payload: unknown): Promise<{ status: number; payload: unknown }> {
    const rid = String(this.#calls.size + 1);
    const answer = new Promise<{ status: number; payload: unknown }>((resolve) => this.#calls.set(rid, resolve));
    const body = payload === undefined ? '' : JSON.stringify(payload);
    if (!this.#gateway?.method(IDENTITY, { name, rid, body })) throw new Error('not connected');
    let got: { status: number; payload: unknown } | undefined;
    void answer.then((value) => {
      got = value;
    });
    return until(`an answer to ${name}`, () => got);
  }

  #host(): GatewayHost {
    return {
      authenticate: async (request) => this.#authenticate(request),
      sessions: {
        load: async ({ moduleId }) => this.#sessions.get(moduleId ?? ''),
        save: async ({ moduleId }, session) => void this.#sessions.set(moduleId ?? '', session),
        remove: async ({ moduleId }) => void this.#sessions.delete(moduleId ?? ''),
      },
      telemetry: async ({ properties, body }) => {
        this.telemetry.push({
          properties: properties.app,
          system: properties.system,
          body: JSON.parse(body.toString()),
        });
      },
      twinGet: async () => ({ desired: this.#desired, reported: this.#reported }),
      patchReported: async (_identity, patch) => {
        this.reportedPatches.push(patch);
        const version = this.#reported.$version + 1;
        this.#reported = { ...mergePatch(this.#reported, patch), $version: version };
        return version;
      },
      methodResult: (_identity, { rid, status, body }) => {
        this.#calls.get(rid)?.({ status, payload: JSON.parse(body.toString() || 'null') });
      },
    };
  }

  #authenticate({ identity, hubHost, password }: ConnectRequest): ConnectAnswer {
    this.userNames.push(`${hubHost} ${identity.deviceId}/${identity.moduleId}`);
    const token = parseSasToken(password ?? '');
    const isGood =
      token !== undefined &&
      verifySasSignature(token, this.#keyBase64) &&
      sasResourceCovers(token.resource, `localhost/devices/${DEVICE}/modules/$edgeAgent`);
    return isGood ? { ok: true, identity, expiresAtSecs: token.se } : { ok: false, code: 5, reason: 'bad token' };
  }
}

/** Polls until the condition holds; fails with the last value. */
export async function until<T>(
  what: string,
  read: () => T | undefined | false,
  waitMs: number = WAIT_MS_MAX,
): Promise<T> {
  const endMs = Date.now() + waitMs;
  for (;;) {
    const value = read();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > endMs) throw new Error(`not seen within ${waitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
