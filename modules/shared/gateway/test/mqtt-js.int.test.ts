// mqtt.js and raw TLS sockets against the front end: certificate reload, throughput of acknowledgements, half-open peers, foreign upgrades.

import { once } from 'node:events';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import mqtt from 'mqtt';
import mqttPacket from 'mqtt-packet';
import { HUB_HOST, tokenFor, until } from './memory-host.ts';
import { RawClient } from './raw-client.ts';
import { type ServedGateway, serveGateway } from './served-gateway.ts';

let served: ServedGateway;
beforeEach(async () => {
  served = await serveGateway({ connectTimeoutMs: 300 });
});
afterEach(() => served.close());

function connectMqtt(clientId: string, url = `mqtts://localhost:${served.listener.port}`) {
  return mqtt.connectAsync(url, {
    clientId,
    username: `${HUB_HOST}/${clientId}/?api-version=2021-04-12`,
    password: tokenFor(clientId),
    ca: served.ca.pem,
    clean: false,
    reconnectPeriod: 0,
    protocolVersion: 4,
  });
}

test('1,000 QoS 1 publishes at once are all stored, in order, and acknowledged', async () => {
  const client = await connectMqtt('d1');
  const sent = Array.from({ length: 1000 }, (_, n) =>
    client.publishAsync('devices/d1/messages/events/', String(n), { qos: 1 }),
  );
  await Promise.all(sent);
  expect(served.host.messages.map((message) => Number(message.body.toString()))).toEqual([...Array(1000).keys()]);
  await client.endAsync();
});

test('a new certificate serves new handshakes, open connections stay, a bad one is refused', async () => {
  const client = await connectMqtt('d1');
  const serialOf = async () => {
    const socket = tls.connect({ port: served.listener.port, host: 'localhost', ca: served.ca.pem });
    await once(socket, 'secureConnect');
    const { serialNumber } = socket.getPeerCertificate();
    socket.destroy();
    return serialNumber;
  };
  const before = await serialOf();
  const next = await served.ca.issue(['localhost']);
  expect(() => served.listener.setCertificate({ ...next, privateKey: 'nonsense' })).toThrow(
    'Cannot use the server certificate',
  );
  expect(await serialOf()).toBe(before);
  served.listener.setCertificate(next);
  expect(await serialOf()).not.toBe(before);
  await client.publishAsync('devices/d1/messages/events/', 'still here', { qos: 1 });
  expect(served.host.messages).toHaveLength(1);
  await client.endAsync();
});

test('100 peers that never finish TLS or never send CONNECT are let go, a client still gets in', async () => {
  const halfOpen = Array.from({ length: 50 }, () => net.connect(served.listener.port, '127.0.0.1'));
  const silent = Array.from({ length: 50 }, () =>
    tls.connect({ port: served.listener.port, host: 'localhost', ca: served.ca.pem }),
  );
  const closed = [...halfOpen, ...silent].map((socket) => {
    // Being cut may show as an error first; once() would take that for a failure.
    socket.on('error', () => undefined);
    socket.resume();
    return new Promise((resolve) => socket.once('close', resolve));
  });
  const client = await connectMqtt('d1');
  await Promise.all(closed);
  expect(client.connected).toBe(true);
  await client.endAsync();
}, 15_000);

test('WebSocket: mqtt.js connects on the path with a suffix; other paths and subprotocols are refused', async () => {
  const base = `wss://localhost:${served.httpsPort}`;
  const client = await connectMqtt('d1', `${base}/$iothub/websocket?iothub-no-client-cert=true`);
  await client.publishAsync('devices/d1/messages/events/', 'x', { qos: 1 });
  await client.endAsync();
  const statusOf = async (path: string, protocol: string) => {
    const request = https.request({
      port: served.httpsPort,
      host: 'localhost',
      ca: served.ca.pem,
      path,
      headers: {
        Connection: 'Upgrade',
        Upgrade: 'websocket',
        'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
        'Sec-WebSocket-Protocol': protocol,
      },
    });
    request.end();
    const [response] = (await once(request, 'response')) as [{ statusCode: number; resume(): void }];
    response.resume();
    return response.statusCode;
  };
  expect(await statusOf('/other', 'mqtt')).toBe(404);
  expect(await statusOf('/$iothub/websocket', 'amqp')).toBe(400);
});

test('a client that reads nothing over TLS is paused by its own full window, others are served', async () => {
  const socket = tls.connect({ port: served.listener.port, host: 'localhost', ca: served.ca.pem });
  await once(socket, 'secureConnect');
  const raw = new RawClient(socket);
  await raw.connect('d1/slow');
  socket.pause();
  const deliveries = Array.from({ length: 120 }, () =>
    served.gateway.input({ deviceId: 'd1', moduleId: 'slow' }, 'in', {
      properties: { system: {}, app: {} },
      body: Buffer.alloc(1000),
    }),
  );
  const client = await connectMqtt('d2');
  await client.publishAsync('devices/d2/messages/events/', 'x', { qos: 1 });
  expect((await Promise.all(deliveries.slice(100))).every((result) => result === 'full')).toBe(true);
  socket.destroy();
  expect((await Promise.all(deliveries.slice(0, 100))).every((result) => result === 'gone')).toBe(true);
  await client.endAsync();
  await until(() => served.host.disconnects.some(({ clientId }) => clientId === 'd1/slow'), 'disconnect');
});

test('close() ends, and serves nobody any more, while clients are in their handshake', async () => {
  const raw = Array.from({ length: 5 }, () => net.connect(served.listener.port, '127.0.0.1'));
  for (const socket of raw) socket.on('error', () => undefined);
  await Promise.all(raw.map((socket) => once(socket, 'connect')));
  const late = tls.connect({ socket: raw[0]!, ca: served.ca.pem, servername: 'localhost' });
  late.on('error', () => undefined);
  const closed = served.gateway.close();
  late.write(
    mqttPacket.generate({
      cmd: 'connect',
      clientId: 'd1',
      username: `${HUB_HOST}/d1/?api-version=2021-04-12`,
      password: Buffer.from(tokenFor('d1')),
      protocolId: 'MQTT',
      protocolVersion: 4,
      clean: false,
    }),
  );
  await closed;
  await Promise.all(raw.map((socket) => socket.destroyed || once(socket, 'close')));
  expect(served.host.connects).toEqual([]);
});
