// A server of the management API (iotedge.md 4.4) on a unix socket, with modules that can be stopped and started.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { ModuleDetails } from '@wayside/protocol';
import { API_VERSIONS } from '@wayside/protocol';

export interface DaemonServer {
  server: Server;
  /** `POST /modules/MCC/stop`, in order, with the query but api-version. */
  calls: string[];
  modules: Map<string, ModuleDetails>;
  /** Bytes of /logs by module; null = keeps the answer open after them. */
  logs: Map<string, { bytes: Buffer; open: boolean }>;
  bundle: Buffer;
  stopFails: boolean;
  close(): Promise<void>;
}

export function aRunningModule(name: string, startTime: string): ModuleDetails {
  return {
    id: 'id',
    name,
    type: 'docker',
    config: { settings: { image: `wayside/${name}:1`, createOptions: {} }, env: [] },
    status: { startTime, runtimeStatus: { status: 'running' } },
  };
}

export async function startDaemonServer(socketPath: string): Promise<DaemonServer> {
  const state: DaemonServer = {
    server: createServer((request, response) => handle(state, request, response)),
    calls: [],
    modules: new Map(),
    logs: new Map(),
    bundle: Buffer.alloc(0),
    stopFails: false,
    close: async () => {
      state.server.closeAllConnections();
      state.server.close();
      await once(state.server, 'close');
    },
  };
  state.server.listen(socketPath);
  await once(state.server, 'listening');
  return state;
}

function handle(state: DaemonServer, request: IncomingMessage, response: ServerResponse): unknown {
  const url = new URL(request.url ?? '', 'http://daemon');
  const version = url.searchParams.get('api-version');
  if (!API_VERSIONS.some((known) => known === version))
    return answer(response, 400, { message: `api-version ${version} is not supported` });
  url.searchParams.delete('api-version');
  state.calls.push(`${request.method} ${url.pathname}${url.search}`);
  const [, top, name, action] = url.pathname.split('/').map(decodeURIComponent);
  if (top === 'systeminfo') return systemInfo(state, response, name);
  if (top !== 'modules') return answer(response, 404, { message: 'no such path' });
  if (name === undefined) return answer(response, 200, { modules: [...state.modules.values()] });
  const module = state.modules.get(name);
  if (module === undefined) return answer(response, 404, { message: `module ${name} not found` });
  if (action === 'logs') return sendLogs(state, response, name);
  if (action === 'stop' && state.stopFails) return answer(response, 500, { message: 'engine is busy' });
  module.status = { runtimeStatus: { status: action === 'stop' ? 'stopped' : 'running' } };
  response.writeHead(204).end();
}

function systemInfo(state: DaemonServer, response: ServerResponse, part: string | undefined): unknown {
  if (part === 'supportbundle') return response.writeHead(200, { 'content-type': 'application/zip' }).end(state.bundle);
  if (part === 'resources')
    return answer(response, 200, {
      used_ram: 1,
      total_ram: 4,
      disks: [{ name: 'sda1', available_space: 1, total_space: 4, file_system: 'ext4', file_type: 'SSD' }],
    });
  return answer(response, 200, { version: '0.1.0', osType: 'Linux' });
}

function sendLogs(state: DaemonServer, response: ServerResponse, name: string): unknown {
  const log = state.logs.get(name) ?? { bytes: Buffer.alloc(0), open: false };
  response.writeHead(200, { 'content-type': 'text/plain' });
  response.write(log.bytes);
  return log.open ? response : response.end();
}

function answer(response: ServerResponse, status: number, body: unknown): unknown {
  return response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
