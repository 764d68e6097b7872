// An MQTT server with just enough of edgeHub's protocol for one module, and with the faults a test asks for.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import mqttPacket, { type IPublishPacket, type Packet } from 'mqtt-packet';

/** Body of a message of the sensor. */
export interface Measurement {
  sequence: number;
  run: string;
  temperature: number;
  atUtc: string;
}

export class FakeHub {
  readonly folder = mkdtempSync(join(tmpdir(), 'fake-hub-'));
  readonly caFile = join(this.folder, 'server.pem');
  /** CONNACK code 5 instead of 0: what a module sees while edgeHub is still starting. */
  refuse = false;
  /** Telemetry is read and forgotten: no acknowledgement. */
  mute = false;
  desired: { [name: string]: unknown } = {};
  connects = 0;
  /** Acknowledged telemetry in order of arrival. */
  readonly received: Measurement[] = [];
  readonly topics: string[] = [];
  /** Telemetry that was not acknowledged. */
  dropped = 0;
  readonly methodResults: { topic: string; body: string }[] = [];
  #server: Server | undefined;
  #port = 0;
  readonly #sockets = new Set<TLSSocket>();

  constructor() {
    const key = join(this.folder, 'server.key');
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-days', '1', '-nodes'];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
    execFileSync('openssl', ['req', '-x509', ...curve, ...subject, '-keyout', key, '-out', this.caFile], {
      stdio: 'ignore',
    });
  }

  /** Starts listening; after a stop, on the same port. */
  async listen(): Promise<number> {
    const options = { cert: readFileSync(this.caFile), key: readFileSync(join(this.folder, 'server.key')) };
    this.#server = createServer(options, (socket) => this.#serve(socket));
    await new Promise<void>((resolve) => this.#server?.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
    return this.#port;
  }

  /** Cuts every connection and stops listening. */
  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) =>
      this.#server === undefined ? resolve() : this.#server.close(() => resolve()),
    );
  }

  async dispose(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true });
  }

  /** Sends a desired patch. */
  patch(desired: { [name: string]: unknown }, version: number): void {
    Object.assign(this.desired, desired);
    this.#publish(
      `$iothub/twin/PATCH/properties/desired/?$version=${version}`,
      JSON.stringify({ ...desired, $version: version }),
    );
  }

  call(method: string, rid: string): void {
    this.#publish(`$iothub/methods/POST/${method}/?$rid=${rid}`, 'null');
  }

  #publish(topic: string, payload: string): void {
    for (const socket of this.#sockets)
      send(socket, { cmd: 'publish', topic, payload, qos: 0, dup: false, retain: false });
  }

  #serve(socket: TLSSocket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => undefined);
    const parser = mqttPacket.parser();
    parser.on('packet', (packet: Packet) => this.#answer(socket, packet));
    socket.on('data', (data) => parser.parse(data as Buffer));
  }

  #answer(socket: TLSSocket, packet: Packet): void {
    switch (packet.cmd) {
      case 'connect':
        this.connects += 1;
        send(socket, { cmd: 'connack', returnCode: this.refuse ? 5 : 0, sessionPresent: false });
        if (this.refuse) socket.end();
        return;
      case 'subscribe':
        send(socket, {
          cmd: 'suback',
          messageId: packet.messageId as number,
          granted: packet.subscriptions.map(() => 1),
        });
        return;
      case 'pingreq':
        send(socket, { cmd: 'pingresp' });
        return;
      case 'publish':
        this.#take(socket, packet);
    }
  }

  #take(socket: TLSSocket, packet: IPublishPacket): void {
    const get = /^\$iothub\/twin\/GET\/\?\$rid=(.+)$/.exec(packet.topic);
    if (get !== null) {
      const body = JSON.stringify({ desired: { ...this.desired, $version: 1 }, reported: { $version: 1 } });
      send(socket, {
        cmd: 'publish',
        topic: `$iothub/twin/res/200/?$rid=${get[1]}`,
        payload: body,
        qos: 0,
        dup: false,
        retain: false,
      });
    } else if (packet.topic.startsWith('$iothub/methods/res/')) {
      this.methodResults.push({ topic: packet.topic, body: packet.payload.toString() });
    } else if (this.mute) {
      this.dropped += 1;
    } else {
      this.topics.push(packet.topic);
      this.received.push(JSON.parse(packet.payload.toString()));
      send(socket, { cmd: 'puback', messageId: packet.messageId as number });
    }
  }
}

function send(socket: TLSSocket, packet: Packet): void {
  if (!socket.destroyed) socket.write(mqttPacket.generate(packet));
}
