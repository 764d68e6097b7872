// Uploads to a real HTTPS server whose CA only the trust bundle knows, as that of the node's own cloud.

import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { TestCa } from '@wayside/kit/test-certificates';
import { uploadBlob } from '../src/methods/blob-upload.ts';

jest.setTimeout(60_000);

let server: Server;
let ca: TestCa;
const taken: { method: string | undefined; url: string | undefined; body: string; blobType: unknown }[] = [];

beforeAll(async () => {
  ca = await TestCa.create('cloud ca');
  const tls = await ca.issue(['localhost']);
  server = createServer({ cert: tls.chain, key: tls.privateKey }, async (request, response) => {
    const { method, url, headers } = request;
    taken.push({ method, url, body: await text(request), blobType: headers['x-ms-blob-type'] });
    response.writeHead(201).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

const container = () =>
  new URL(`https://localhost:${(server.address() as AddressInfo).port}/api/v1/uploads/1?sig=hush`);
const { signal } = new AbortController();

test('the cloud of the node is trusted by the bundle, the path and the secret are kept', async () => {
  await uploadBlob(container(), 'hub/d/a b.log', Buffer.from('line'), 'text/plain', { signal, trustBundle: ca.pem });
  expect(taken).toEqual([
    { method: 'PUT', url: '/api/v1/uploads/1/hub/d/a%20b.log?sig=hush', body: 'line', blobType: 'BlockBlob' },
  ]);
});

test('without it nothing is sent, and the secret stands in no text', async () => {
  const before = taken.length;
  const failed = uploadBlob(container(), 'hub/d/a.log', Buffer.from('x'), 'text/plain', { signal, trustBundle: '' });
  const message = await failed.then(
    () => '',
    (error: Error) => error.message,
  );
  expect(message).toContain('Cannot upload hub/d/a.log to localhost');
  expect([message.includes('hush'), taken.length]).toEqual([false, before]);
});
