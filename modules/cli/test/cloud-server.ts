// An HTTPS server that answers as the cloud's /api/v1 does: sessions, nodes, deployments, messages. What it was asked stays to be looked at.

import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { TestCertificate } from '@wayside/kit/test-certificates';
import type { NodeMonitor } from '@wayside/protocol';
import type { TelemetryMessage } from '../src/cloud/cloud-client.ts';
import { aMonitor } from './a-monitor.ts';

export interface Asked {
  call: string;
  body: unknown;
}

export interface CloudServer {
  server: Server;
  url: string;
  asked: Asked[];
  token: string;
  password: string;
  nodes: Map<string, { [field: string]: unknown }>;
  /** Documents of GET monitor, one after the other; the last stays. */
  monitors: NodeMonitor[];
  messages: TelemetryMessage[];
  /** Fixed answers by `METHOD /path`: a text as it is, null as 204, anything else as JSON. */
  documents: Map<string, unknown>;
  /** Sent by GET /ca.pem. */
  ca: string;
  close(): Promise<void>;
}

export async function startCloudServer(tls: TestCertificate, ca: string): Promise<CloudServer> {
  const state: CloudServer = {
    server: createServer(
      { cert: tls.chain, key: tls.privateKey },
      (request, response) => void handle(state, request, response),
    ),
    url: '',
    asked: [],
    token: 'token-1',
    password: 'secret-1',
    nodes: new Map(),
    monitors: [aMonitor()],
    messages: [],
    documents: new Map(),
    ca,
    close: async () => {
      state.server.closeAllConnections();
      state.server.close();
      await once(state.server, 'close');
    },
  };
  state.server.listen(0, '127.0.0.1');
  await once(state.server, 'listening');
  state.url = `https://localhost:${(state.server.address() as AddressInfo).port}`;
  return state;
}

async function handle(state: CloudServer, request: IncomingMessage, response: ServerResponse): Promise<unknown> {
  const url = new URL(request.url ?? '', state.url);
  const raw = await text(request);
  const body = raw === '' ? undefined : JSON.parse(raw);
  state.asked.push({ call: `${request.method} ${url.pathname}${url.search}`, body });
  const path = url.pathname.replace('/api/v1', '');
  if (path === '/ca.pem') return response.writeHead(200).end(state.ca);
  if (path === '/sessions') {
    session(state, response, body);
    return undefined;
  }
  const isOpen = path === '/invitations/accept';
  if (!isOpen && request.headers.authorization !== `Bearer ${state.token}`)
    return refuse(response, 401, { code: 'CLOUD_TOKEN_INVALID', message: 'the token is not known' });
  if (path === '/connection-strings')
    return answer(response, 200, { iothubowner: 'HostName=h;SharedAccessKeyName=iothubowner;SharedAccessKey=k' });
  const fixed = state.documents.get(`${request.method} ${path}`);
  if (typeof fixed === 'string') return response.writeHead(200, { 'content-type': 'text/plain' }).end(fixed);
  if (fixed !== undefined) return fixed === null ? response.writeHead(204).end() : answer(response, 200, fixed);
  const [, , name, part, module, what] = path.split('/').map(decodeURIComponent);
  if (name === undefined) return collection(state, request, response, body);
  const node = state.nodes.get(name);
  if (node === undefined)
    return refuse(response, 404, { code: 'CLOUD_NODE_NOT_FOUND', message: `Cannot find node "${name}"` });
  if (part === undefined) return single(state, request, response, name, node, body);
  nodePart(state, response, { part, module, what, url, body });
}

function session(state: CloudServer, response: ServerResponse, body: { username: string; password: string }): void {
  if (body.username !== 'admin' || body.password !== state.password)
    refuse(response, 401, { code: 'CLOUD_LOGIN_WRONG', message: 'wrong' });
  else answer(response, 200, { token: state.token, expiresAtUtc: '2026-11-23T12:00:00.000Z' });
}

function collection(
  state: CloudServer,
  request: IncomingMessage,
  response: ServerResponse,
  body: { name: string },
): unknown {
  if (request.method === 'GET') return answer(response, 200, { nodes: [...state.nodes.values()] });
  if (state.nodes.has(body.name))
    return refuse(response, 409, { code: 'CLOUD_NODE_EXISTS', message: `node ${body.name} is there already` });
  state.nodes.set(body.name, { ...aNode(), ...body });
  answer(response, 201, state.nodes.get(body.name));
}

function aNode(): { [field: string]: unknown } {
  return {
    ipAddress: null,
    httpPort: 80,
    maxEgressMbps: 1000,
    drives: [],
    isEnabled: true,
    prefixSource: 'manual',
    cidrs: [],
    cacheNodeId: 'id-1',
    customerId: 'customer-1',
    state: 'NotProvisioned',
    stateText: 'Not provisioned',
    reasons: [{ code: 'NotProvisioned', text: 'the provisioning command was not run yet', sinceUtc: null }],
    createdAtUtc: '2026-11-22T11:00:00.000Z',
  };
}

function single(
  state: CloudServer,
  request: IncomingMessage,
  response: ServerResponse,
  name: string,
  node: object,
  body: object,
): unknown {
  if (request.method === 'DELETE') {
    state.nodes.delete(name);
    response.writeHead(204).end();
    return;
  }
  if (request.method === 'PATCH') Object.assign(node, body);
  answer(response, 200, node);
}

interface PartCall {
  part: string;
  module: string | undefined;
  what: string | undefined;
  url: URL;
  body: unknown;
}

function nodePart(state: CloudServer, response: ServerResponse, { part, module, what, url, body }: PartCall): void {
  const parts: { [part: string]: () => void } = {
    provisioning: () => answer(response, 200, { command: 'curl ... registrationkey=once', registrationKey: 'once' }),
    deployment: () => deployment(response, body),
    monitor: () => answer(response, 200, state.monitors.length > 1 ? state.monitors.shift() : state.monitors[0]),
    telemetry: () => telemetry(state, response, url),
    methods: () => answer(response, 200, { status: 200, payload: { of: 'device', body } }),
    modules: () =>
      what === 'logs'
        ? void response.writeHead(200, { 'content-type': 'text/plain' }).end(`log of ${module}`)
        : answer(response, 200, { status: module === '$edgeAgent' ? 200 : 404, payload: body }),
  };
  (parts[part] ?? (() => refuse(response, 404, { code: 'CLOUD_ROUTE_UNKNOWN', message: 'no such route' })))();
}

function deployment(response: ServerResponse, body: unknown): void {
  if (typeof body === 'object' && body !== null && 'modulesContent' in body)
    answer(response, 200, { desiredVersion: 3, modules: ['MCC', 'edgeAgent'] });
  else
    refuse(response, 400, {
      code: 'CLOUD_MANIFEST_INVALID',
      message: 'two problems',
      problems: [
        { path: 'modulesContent.$edgeAgent', message: 'is missing' },
        { path: 'modulesContent.$edgeHub', message: 'is missing' },
      ],
    });
}

/** As the cloud: the newest without a start, else the oldest after it. */
function telemetry(state: CloudServer, response: ServerResponse, url: URL): void {
  const limit = Number(url.searchParams.get('limit'));
  const after = url.searchParams.get('after');
  const found = state.messages.filter((m) => after === null || m.seq > Number(after));
  const messages = after === null ? found.slice(-limit) : found.slice(0, limit);
  answer(response, 200, { messages, next: messages.at(-1)?.seq ?? 0 });
}

function answer(response: ServerResponse, status: number, body: unknown): unknown {
  return response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function refuse(response: ServerResponse, status: number, error: object): unknown {
  return answer(response, status, { error });
}
