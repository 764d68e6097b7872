// The daemon's two sockets over the model engine: management and workload API as iotedge.md 4.3 and 4.4 write them.

import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { closeServer, listen } from '@wayside/kit';
import type { ModuleDetails, ModuleSpec } from '@wayside/protocol';
import type { ObservedModule } from '../src/plan/model.ts';
import { ModelEngine } from './model-engine.ts';

export interface FakeDaemonOptions {
  socketPath: string;
  /** PEM of the trust bundle. */
  trustBundle: string;
  /** base64 key that signs for every module. */
  keyBase64: string;
}

interface Answer {
  status: number;
  body?: unknown;
  raw?: Buffer;
}

export class FakeDaemon {
  readonly registry = new Set<string>();
  readonly engine: ModelEngine;
  readonly logs = new Map<string, Buffer>();
  readonly requests: string[] = [];
  readonly restarted: string[] = [];
  readonly #options: FakeDaemonOptions;
  readonly #sealKey = randomBytes(32);
  readonly #server: Server;
  #startedMs = 0;

  constructor(options: FakeDaemonOptions) {
    this.#options = options;
    this.engine = new ModelEngine({ nowMs: () => Date.now(), registry: this.registry });
    this.#server = createServer((request, response) => {
      void this.#serve(request).then(({ status, body, raw }) => {
        response.writeHead(status, { 'content-type': raw ? 'text/plain' : 'application/json' });
        response.end(raw ?? (body === undefined ? undefined : JSON.stringify(body)));
      });
    });
  }

  async start(): Promise<void> {
    this.#startedMs = performance.now();
    await listen(this.#server, { path: this.#options.socketPath });
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await closeServer(this.#server, 0);
  }

  async #serve(request: IncomingMessage): Promise<Answer> {
    const url = new URL(request.url ?? '/', 'http://daemon');
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const text = Buffer.concat(pieces).toString('utf8');
    const what = `${request.method} ${decodeURIComponent(url.pathname)}`;
    this.requests.push(what);
    if (!url.searchParams.has('api-version')) return { status: 400, body: { message: 'api-version is missing' } };
    try {
      return await this.#route(what, url, text === '' ? undefined : JSON.parse(text));
    } catch (error) {
      return { status: 500, body: { message: (error as Error).message } };
    }
  }

  async #route(what: string, url: URL, body: unknown): Promise<Answer> {
    const workload = /^(GET|POST) \/(?:trust-bundle|modules\/\$edgeAgent\/genid\/[^/]+\/(sign|encrypt|decrypt))$/.exec(
      what,
    );
    if (workload) return this.#workload(workload[2], body as { [name: string]: string });
    const { engine } = this;
    switch (what) {
      case 'GET /modules':
        return { status: 200, body: { modules: (await engine.listModules()).map(toDetails) } };
      case 'POST /modules':
        await engine.createModule(body as ModuleSpec);
        return { status: 201, body: {} };
      case 'GET /identities/':
        return { status: 200, body: { identities: await engine.listIdentities() } };
      case 'POST /identities':
        await engine.createIdentity((body as { moduleId: string }).moduleId);
        return { status: 200, body: {} };
      case 'GET /systeminfo':
        return { status: 200, body: { osType: 'linux', architecture: 'amd64', version: '0.1.0' } };
      case 'GET /systeminfo/resources':
        return { status: 200, body: { ...RESOURCES, process_uptime: this.#uptimeSecs() } };
      case 'GET /systeminfo/supportbundle':
        return { status: 200, raw: Buffer.from(`PK${url.search}`) };
      default:
        return this.#routeNamed(what, body);
    }
  }

  async #routeNamed(what: string, body: unknown): Promise<Answer> {
    const { engine } = this;
    const [, verb, kind, name, action] = /^(\w+) \/(modules|identities)\/([^/]+)(?:\/(\w+))?$/.exec(what) ?? [];
    if (!name) return { status: 404, body: { message: `no route ${what}` } };
    if (kind === 'identities' && verb === 'DELETE') await engine.deleteIdentity(name);
    else if (verb === 'PUT') await engine.replaceModule(body as ModuleSpec);
    else if (verb === 'DELETE') await engine.removeModule(name);
    else if (action === 'logs') return { status: 200, raw: this.logs.get(name) ?? Buffer.alloc(0) };
    else if (action === 'prepareupdate') await engine.prepareImage(body as ModuleSpec);
    else if (action === 'restart') this.restarted.push(name);
    else if (action === 'start') await engine.startModule(name);
    else if (action === 'stop') await engine.stopModule(name);
    else return { status: 404, body: { message: `no route ${what}` } };
    return { status: verb === 'PUT' ? 201 : 204 };
  }

  #uptimeSecs(): number {
    return Math.floor((performance.now() - this.#startedMs) / 1000);
  }

  #workload(action: string | undefined, body: { [name: string]: string }): Answer {
    const bytes = (field: string) => Buffer.from(body[field] ?? '', 'base64');
    if (action === 'sign') {
      const key = Buffer.from(this.#options.keyBase64, 'base64');
      return { status: 200, body: { digest: createHmac('sha256', key).update(bytes('data')).digest('base64') } };
    }
    if (action === 'encrypt') {
      const cipher = createCipheriv('aes-256-gcm', this.#sealKey, bytes('initializationVector'));
      const sealed = Buffer.concat([cipher.update(bytes('plaintext')), cipher.final(), cipher.getAuthTag()]);
      return { status: 200, body: { ciphertext: sealed.toString('base64') } };
    }
    if (action === 'decrypt') {
      const sealed = bytes('ciphertext');
      const decipher = createDecipheriv('aes-256-gcm', this.#sealKey, bytes('initializationVector'));
      decipher.setAuthTag(sealed.subarray(-16));
      const plain = Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
      return { status: 200, body: { plaintext: plain.toString('base64') } };
    }
    return { status: 200, body: { certificate: this.#options.trustBundle } };
  }
}

const RESOURCES = {
  host_uptime: 100,
  used_cpu: 1.5,
  used_ram: 1000,
  total_ram: 2000,
  disks: [{ name: 'sda', available_space: 5, total_space: 10, file_system: 'ext4', file_type: 'SSD' }],
  docker_stats: JSON.stringify([{ name: '/a', memory_stats: { usage: 7, limit: 9 } }]),
};

function toDetails(container: ObservedModule): ModuleDetails {
  const utc = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms).toISOString());
  return {
    id: 'id',
    name: container.name,
    type: 'docker',
    config: {
      settings: {
        image: container.image,
        imageHash: container.imageHash,
        createOptions: { Labels: container.labels },
      },
      env: [],
    },
    status: {
      startTime: utc(container.startedAtMs),
      ...(container.exitedAtMs === undefined
        ? {}
        : { exitStatus: { exitTime: utc(container.exitedAtMs) as string, statusCode: String(container.exitCode) } }),
      runtimeStatus: { status: container.state, description: container.description, health: container.health },
    },
  };
}

/** One piece of log with Docker's 8-byte header. */
export function logFrame(stream: 1 | 2, text: string): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
}
