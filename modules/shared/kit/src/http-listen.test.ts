import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, get } from 'node:http';
import { connect, createServer as createTcpServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { closeServer, listen } from './http-listen.ts';

let folder: string;
const servers: Server[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kit-listen-'));
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => closeServer(server, 0)));
  await rm(folder, { recursive: true });
});

function aServer(): Server {
  const server = createTcpServer((socket) => socket.end());
  servers.push(server);
  return server;
}

test('port 0 answers the port it got', async () => {
  const { port, address } = await listen(aServer(), { port: 0, host: '127.0.0.1' });
  expect(port).toBeGreaterThan(0);
  expect(address).toBe('127.0.0.1');
});

test('a taken port is named', async () => {
  const { port } = await listen(aServer(), { port: 0, host: '127.0.0.1' });
  await expect(listen(aServer(), { port, host: '127.0.0.1' })).rejects.toMatchObject({
    code: 'KIT_PORT_TAKEN',
    message: `Cannot listen on 127.0.0.1:${port}: another process has it, wanted a free one`,
  });
});

test('an address of another machine is an error of its own', async () => {
  await expect(listen(aServer(), { port: 0, host: '192.0.2.1' })).rejects.toMatchObject({ code: 'KIT_LISTEN_FAILED' });
});

test('unix socket: rights are set, a stale file is removed, a live one is not', async () => {
  const path = join(folder, 's.sock');
  expect(await listen(aServer(), { path, mode: 0o660 })).toBe(path);
  expect((await stat(path)).mode & 0o777).toBe(0o660);
  await expect(listen(aServer(), { path })).rejects.toMatchObject({ code: 'KIT_SOCKET_TAKEN' });
  await new Promise<void>((resolve, reject) => connect(path).once('end', resolve).once('error', reject).resume());
});

test('unix socket: a file of a dead process is replaced', async () => {
  const path = join(folder, 's.sock');
  // A child that dies without closing leaves its socket file behind.
  const { execFileSync } = await import('node:child_process');
  const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  expect(() => execFileSync(process.execPath, ['-e', script], { stdio: 'ignore' })).toThrow();
  expect((await stat(path)).isSocket()).toBe(true);
  expect(await listen(aServer(), { path })).toBe(path);
});

test('unix socket: an ordinary file is left alone', async () => {
  const path = join(folder, 'precious');
  await writeFile(path, 'data');
  await expect(listen(aServer(), { path })).rejects.toMatchObject({ code: 'KIT_LISTEN_FAILED' });
  expect((await stat(path)).size).toBe(4);
});

test('closeServer() ends also with a request that never ends', async () => {
  const server = createServer((_req, res) => {
    res.write('begun');
  });
  const { port } = await listen(server, { port: 0, host: '127.0.0.1' });
  const cut = Promise.withResolvers<void>();
  const answered = new Promise<void>((resolve) => {
    get({ port, host: '127.0.0.1' }, (res) => {
      res.once('data', () => resolve());
      res.once('error', () => cut.resolve());
    }).on('error', () => cut.resolve());
  });
  await answered;
  await closeServer(server, 20);
  await cut.promise;
  await closeServer(server);
});
