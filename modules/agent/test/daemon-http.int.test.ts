// The management client against a daemon that misbehaves: every fault leaves as one of our errors, within its time.

import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { listen } from '@wayside/kit';
import { DaemonHttp } from '../src/daemon/daemon-http.ts';
import { ManagementClient } from '../src/daemon/management-client.ts';

let folder: string;
let server: Server;
let answer: RequestListener;
let client: ManagementClient;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wayside-daemon-'));
  const path = join(folder, 'mgmt.sock');
  server = createServer((request, response) => answer(request, response));
  await listen(server, { path });
  client = new ManagementClient(new DaemonHttp(`unix://${path}`), 1_000);
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true, force: true });
});

test('names are encoded, the api-version is always there', async () => {
  let seen = '';
  answer = (request, response) => {
    seen = `${request.method} ${request.url}`;
    response.writeHead(204).end();
  };
  await client.deleteIdentity('$weird/na me');
  expect(seen).toBe('DELETE /identities/%24weird%2Fna%20me?api-version=2022-08-03');
});

test.each<[string, RequestListener, string, RegExp]>([
  [
    'an error with a message',
    (_q, r) => void r.writeHead(404).end('{"message":"no such module"}'),
    'AGENT_DAEMON_REFUSED',
    /^no such module \(GET \/modules answered 404\)$/,
  ],
  [
    'an error that is HTML',
    (_q, r) => void r.writeHead(502).end('<html>bad</html>'),
    'AGENT_DAEMON_REFUSED',
    /<html>bad/,
  ],
  ['no JSON', (_q, r) => void r.end('{"modules": ['), 'AGENT_DAEMON_ANSWER_INVALID', /13 bytes that are no JSON/],
  ['a cut connection', (q) => void q.socket.destroy(), 'AGENT_DAEMON_UNREACHABLE', /GET \/modules/],
  ['silence', () => undefined, 'AGENT_DAEMON_UNREACHABLE', /Timeout/],
  [
    'an endless body',
    (_q, r) => {
      const piece = Buffer.alloc(1 << 20, 'x');
      const write = () => {
        while (!r.destroyed && r.write(piece));
      };
      r.on('drain', write).on('error', () => undefined);
      write();
    },
    'AGENT_DAEMON_ANSWER_INVALID',
    /more than 16777216 bytes/,
  ],
])(
  '%s',
  async (_what, listener, code, text) => {
    answer = listener;
    const slow = new ManagementClient(
      new DaemonHttp(`unix://${join(folder, 'mgmt.sock')}`),
      code.endsWith('INVALID') ? 20_000 : 1_000,
    );
    const failure = await slow.listModules().then(
      () => undefined,
      (error: unknown) => error as { code: string; message: string },
    );
    expect(failure?.code).toBe(code);
    expect(failure?.message).toMatch(text);
  },
  30_000,
);

test('a socket that is not there', async () => {
  const away = new ManagementClient(new DaemonHttp(`unix://${join(folder, 'none.sock')}`), 1_000);
  await expect(away.listModules()).rejects.toMatchObject({ code: 'AGENT_DAEMON_UNREACHABLE' });
});

test('module details become what the planner reads', async () => {
  answer = (_request, response) =>
    response.end(
      JSON.stringify({
        modules: [
          {
            id: 'id',
            name: 'a',
            type: 'docker',
            config: {
              settings: { image: 'i:1', imageHash: 'sha256:1', createOptions: { Labels: { x: 'y' } } },
              env: [],
            },
            status: {
              startTime: '2026-01-01T00:00:00.123456789Z',
              exitStatus: { exitTime: '0001-01-01T00:00:00Z', statusCode: '137' },
              runtimeStatus: { status: 'Running', description: 'running', health: 'starting' },
            },
          },
        ],
      }),
    );
  expect(await client.listModules()).toEqual([
    {
      name: 'a',
      image: 'i:1',
      imageHash: 'sha256:1',
      labels: { x: 'y' },
      state: 'running',
      description: 'running',
      health: 'starting',
      startedAtMs: Date.UTC(2026, 0, 1) + 123,
      exitedAtMs: undefined,
      exitCode: 137,
    },
  ]);
});
