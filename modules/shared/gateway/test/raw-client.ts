// A client made of a socket and mqtt-packet: sends what no decent library would.

import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import mqttPacket, { type IConnectPacket, type Packet } from 'mqtt-packet';
import { HUB_HOST, tokenFor, until } from './memory-host.ts';

export class RawClient {
  readonly received: Packet[] = [];
  closed = false;
  readonly socket: Duplex;

  constructor(socket: Duplex) {
    this.socket = socket;
    const parser = mqttPacket.parser({ protocolVersion: 4 });
    parser.on('packet', (packet) => this.received.push(packet));
    socket.on('data', (chunk: Buffer) => parser.parse(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.closed = true;
    });
    socket.on('end', () => socket.end());
  }

  send(...packets: Packet[]): void {
    this.socket.write(Buffer.concat(packets.map((packet) => mqttPacket.generate(packet))));
  }

  sendBytes(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  of<K extends Packet['cmd']>(cmd: K): Extract<Packet, { cmd: K }>[] {
    return this.received.filter((packet): packet is Extract<Packet, { cmd: K }> => packet.cmd === cmd);
  }

  async waitFor<K extends Packet['cmd']>(cmd: K, count = 1): Promise<Extract<Packet, { cmd: K }>[]> {
    await until(() => this.of(cmd).length >= count || this.closed, `${count} ${cmd}`);
    if (this.of(cmd).length < count) throw new Error(`Closed before ${count} ${cmd}`);
    return this.of(cmd);
  }

  async waitForClose(): Promise<void> {
    if (!this.closed) await once(this.socket, 'close');
  }

  /** CONNECT with a valid token unless overridden; resolves with the CONNACK. */
  async connect(clientId: string, override: Partial<IConnectPacket> = {}) {
    this.send(connectPacket(clientId, override));
    return (await this.waitFor('connack'))[0]!;
  }
}

export function connectPacket(clientId: string, override: Partial<IConnectPacket> = {}): IConnectPacket {
  return {
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: 4,
    clientId,
    clean: false,
    keepalive: 60,
    username: `${HUB_HOST}/${clientId}/?api-version=2021-04-12`,
    password: Buffer.from(tokenFor(clientId)),
    ...override,
  };
}
