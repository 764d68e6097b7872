// The packets the server sends, encoded, and the decoder of those it receives (mqtt-packet).

import mqttPacket, { type IConnectPacket, type Packet } from 'mqtt-packet';

const PROTOCOL_LEVEL_311 = 4;

export function connack(returnCode: number, sessionPresent: boolean): Buffer {
  return mqttPacket.generate({ cmd: 'connack', returnCode, sessionPresent });
}

/** Written by hand: the packet of the hot path. */
export function puback(messageId: number): Buffer {
  return Buffer.from([0x40, 2, messageId >> 8, messageId & 0xff]);
}

export function suback(messageId: number, granted: number[]): Buffer {
  return mqttPacket.generate({ cmd: 'suback', messageId, granted });
}

export function unsuback(messageId: number): Buffer {
  return mqttPacket.generate({ cmd: 'unsuback', messageId, granted: [] });
}

export function pingresp(): Buffer {
  return Buffer.from([0xd0, 0]);
}

export function publish(o: {
  topic: string;
  payload: Buffer | string;
  qos: 0 | 1;
  messageId?: number;
  dup?: boolean;
}): Buffer {
  return mqttPacket.generate({ cmd: 'publish', retain: false, ...o, dup: o.dup ?? false });
}

/** Decodes one packet a call; throws on anything malformed. */
export class PacketDecoder {
  readonly #parser = mqttPacket.parser({ protocolVersion: PROTOCOL_LEVEL_311 });
  #packet: Packet | undefined;
  #error: Error | undefined;

  constructor() {
    this.#parser.on('packet', (packet) => {
      this.#packet = packet;
    });
    this.#parser.on('error', (error) => {
      this.#error = error;
    });
  }

  decode(frame: Buffer): Packet {
    this.#packet = undefined;
    this.#parser.parse(frame);
    if (this.#error) throw this.#error;
    if (!this.#packet) throw new Error('Malformed packet: shorter than its fields');
    return this.#packet;
  }
}

/** MQTT 3.1.1 exactly: name, level, and not a bridge's variant of it. */
export function isMqtt311(packet: IConnectPacket): boolean {
  const bridge = (packet as IConnectPacket & { bridgeMode?: boolean }).bridgeMode;
  return packet.protocolId === 'MQTT' && packet.protocolVersion === PROTOCOL_LEVEL_311 && !bridge;
}
