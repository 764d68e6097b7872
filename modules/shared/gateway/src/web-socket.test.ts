import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { expect, test } from '@jest/globals';
import { silentLogger } from '@wayside/kit';
import { DEFAULT_LIMITS } from './limits.ts';
import { attachWebSocket } from './web-socket.ts';

test('a refused upgrade leaves no socket open, although the peer never closes its half', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  attachWebSocket(server, { limits: DEFAULT_LIMITS, logger: silentLogger, accept: () => undefined });
  const accepted = once(server, 'connection');
  const peer = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
  peer.on('error', () => undefined);
  peer.write('GET /other HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  const [[socket], [answer]] = await Promise.all([accepted, once(peer, 'data')]);
  expect(String(answer)).toMatch(/^HTTP\/1\.1 404 /);
  if (!socket.closed) await once(socket, 'close');
  peer.destroy();
  server.close();
});
