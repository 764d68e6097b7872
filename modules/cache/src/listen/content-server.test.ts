// Over real sockets: what a client sees of plain connections, and of their way over to node:http.
import { connect, type Socket } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { closeServer, listen } from '@wayside/kit';
import { type ContentListener, makeContentServer } from './content-server.ts';
import type { ResponseChannel } from './exchange.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** Sends `text`, collects until the server closes. */
async function serve(handle: ContentListener) {
  const server = makeContentServer(handle);
  const { port } = await listen(server, { port: 0, host: '127.0.0.1' });
  closers.push(() => closeServer(server, 100));
  const open = () => connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  return { server, open, ask: (text: string) => collect(open(), text) };
}

function collect(socket: Socket, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let all = '';
    socket.setEncoding('latin1');
    socket.on('data', (piece) => {
      all += piece;
    });
    socket.on('end', () => {
      socket.destroy();
      resolve(all);
    });
    socket.on('error', reject);
    socket.write(text);
  });
}

const ok = (response: ResponseChannel, body: string) => {
  response.writeHead(200, ['Content-Length', String(body.length)]);
  response.end(Buffer.from(body));
};
const bodies = (answer: string) => [...answer.matchAll(/\r\n\r\n([^H]*)/g)].map((match) => match[1]);
const get = (path: string, ...fields: string[]) =>
  `GET ${path} HTTP/1.1\r\nHost: x\r\n${fields.map((f) => `${f}\r\n`).join('')}\r\n`;

test('pipelined requests are answered in order, also when the answers come out of order', async () => {
  const waiting: (() => void)[] = [];
  const { ask } = await serve(({ url = '' }, response) => {
    if (url === '/slow') waiting.push(() => ok(response, url));
    else ok(response, url);
    for (const answer of waiting.splice(0)) setImmediate(answer);
  });
  const answer = await ask(get('/a') + get('/slow') + get('/b') + get('/c', 'Connection: close'));
  expect(bodies(answer)).toEqual(['/a', '/slow', '/b', '/c']);
  expect(answer.match(/Connection: keep-alive/g)).toHaveLength(3);
  expect(answer).toMatch(/Date: \w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT\r\nConnection: close/);
});

test('a request in single bytes, and a client that closes its side first', async () => {
  const { open } = await serve(({ url = '' }, response) => ok(response, url));
  const socket = open();
  const answer = collect(socket, '');
  for (const byte of get('/bytes')) await new Promise((resolve) => socket.write(byte, resolve));
  socket.end();
  expect(bodies(await answer)).toEqual(['/bytes']);
});

test('from the first request that is not plain on, node:http answers; nothing is lost on the way', async () => {
  const seen: string[] = [];
  const { ask } = await serve((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    ok(response, `${request.url}`);
  });
  const post = 'POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc';
  const answer = await ask(get('/a') + post + get('/c') + get('/d', 'Connection: close'));
  expect(bodies(answer)).toEqual(['/a', '/b', '/c', '/d']);
  expect(seen).toEqual(['GET /a', 'POST /b', 'GET /c', 'GET /d']);
  expect(await ask('GET / HTTP/1.1\r\nHost: x\nContent-Length: 4\r\n\r\nGET /')).toMatch(/^HTTP\/1.1 400 /);
  expect(await ask(`GET / HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(20_000)}\r\n\r\n`)).toMatch(/^HTTP\/1.1 431 /);
});

test('HEAD gets no body, an oversize body arrives whole, a cut response ends the connection', async () => {
  const large = Buffer.alloc(3_000_000, 'x');
  const { ask } = await serve(({ url }, response) => {
    response.writeHead(200, ['Content-Length', String(large.length)]);
    if (url === '/cut') response.destroy();
    else response.end(large);
  });
  const head = await ask('HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  expect(head.endsWith('\r\n\r\n')).toBe(true);
  expect((await ask(get('/large', 'Connection: close'))).split('\r\n\r\n')[1]?.length).toBe(large.length);
  expect(await ask(get('/cut')).catch(() => '')).toBe('');
});

test('close() tells each response once, at its end or when the client leaves', async () => {
  let closes = 0;
  const left = Promise.withResolvers<void>();
  const { ask, open } = await serve(({ url = '' }, response) => {
    response.once('close', () => {
      closes += 1;
      if (url === '/never') left.resolve();
    });
    if (url !== '/never') ok(response, url);
  });
  await ask(get('/a') + get('/b', 'Connection: close'));
  expect(closes).toBe(2);
  const socket = open();
  socket.write(get('/never'), () => socket.destroy());
  await left.promise;
  expect(closes).toBe(3);
});

test('a server that closes ends idle connections at once', async () => {
  const { server, open } = await serve(({ url = '' }, response) => ok(response, url));
  const socket = open();
  await new Promise((resolve) => {
    socket.once('data', resolve);
    socket.write(get('/a'));
  });
  const ended = new Promise((resolve) => socket.once('close', resolve));
  await closeServer(server, 60_000);
  socket.resume();
  socket.end();
  await ended;
});
