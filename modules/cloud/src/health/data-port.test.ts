import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { probeDataPort } from './data-port.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function listening(listener: RequestListener): Promise<number> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

describe('probeDataPort()', () => {
  test('asks for the first piece of the health object, under the name that clients use', async () => {
    let asked = '';
    const port = await listening((request, response) => {
      asked = `${request.method} ${request.url} ${request.headers.range}`;
      response.writeHead(206, { 'content-type': 'image/gif' }).end('GIF89a');
    });
    const result = await probeDataPort('127.0.0.1', port);
    expect(result).toMatchObject({ ok: true, httpStatus: 206, error: null });
    expect(asked).toBe('GET /mscomtest/wuidt.gif?cacheHostOrigin=au.download.windowsupdate.com bytes=0-4095');
  });

  test.each<[string, RequestListener, number | null, string]>([
    ['a fault', (_, response) => response.writeHead(502).end(), 502, 'answered 502, wanted 200 or 206'],
    [
      'a redirect',
      (_, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
      302,
      'answered 302, wanted 200 or 206',
    ],
    [
      'a page',
      (_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>'),
      200,
      'answered with content type text/html, wanted image/gif',
    ],
    [
      'nothing',
      (_, response) => response.writeHead(200, { 'content-type': 'image/gif' }).end(),
      200,
      'answered with an empty body',
    ],
    [
      'no end',
      (_, response) => {
        response.writeHead(200, { 'content-type': 'image/gif' });
        const more = () => {
          while (response.write(Buffer.alloc(65_536)));
          response.once('drain', more);
        };
        more();
      },
      null,
      'answered with more than 1048576 bytes',
    ],
    ['a hang-up', (request) => request.socket.destroy(), null, 'hang up'],
  ])('%s is a fault', async (_what, listener, httpStatus, error) => {
    const port = await listening(listener);
    expect(await probeDataPort('127.0.0.1', port)).toMatchObject({
      ...{ ok: false, httpStatus },
      error: expect.stringContaining(error),
    });
  });

  test('nobody there', async () => {
    const port = await listening(() => undefined);
    const closed = once(servers[0] as Server, 'close');
    servers[0]?.close();
    await closed;
    expect(await probeDataPort('127.0.0.1', port)).toMatchObject({ ok: false, error: 'connection refused' });
  });

  test('the end of the cloud ends it', async () => {
    const stop = new AbortController();
    const port = await listening(() => stop.abort());
    expect(await probeDataPort('127.0.0.1', port, stop.signal)).toMatchObject({ ok: false, durationMs: null });
  });
});
