// A real DNS server on a UDP port that answers A and AAAA as a test says (RFC 1035 4.1; only what a resolver needs).

import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';

const TYPE_A = 1;
const TYPE_AAAA = 28;
const HEADER_BYTES = 12;

/** `null`: no answer at all. A number: that RCODE without records (2 = SERVFAIL, 3 = NXDOMAIN). */
export type DnsAnswer = { addresses: string[]; ttlSecs: number } | number | null;

export class TestDns {
  readonly #socket: Socket = createSocket('udp4');
  readonly answer: (host: string, type: 'A' | 'AAAA') => DnsAnswer;
  /** Names asked for, with their type. */
  readonly asked: string[] = [];

  constructor(answer: (host: string, type: 'A' | 'AAAA') => DnsAnswer) {
    this.answer = answer;
  }

  async start(): Promise<void> {
    this.#socket.on('message', (query, from) => this.#reply(query, from));
    await new Promise<void>((resolve) => this.#socket.bind(0, '127.0.0.1', resolve));
  }

  get address(): string {
    return `127.0.0.1:${this.#socket.address().port}`;
  }

  stop(): Promise<void> {
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }

  #reply(query: Buffer, from: RemoteInfo): void {
    const labels: string[] = [];
    let at = HEADER_BYTES;
    for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
      labels.push(query.toString('latin1', at + 1, at + 1 + length));
      at += 1 + length;
    }
    const type = query.readUInt16BE(at + 1);
    const question = query.subarray(HEADER_BYTES, at + 5);
    if (type !== TYPE_A && type !== TYPE_AAAA) return;
    const host = labels.join('.').toLowerCase();
    const name = type === TYPE_A ? 'A' : 'AAAA';
    this.asked.push(`${host} ${name}`);
    const answer = this.answer(host, name);
    if (answer === null) return;
    const header = Buffer.alloc(HEADER_BYTES);
    query.copy(header, 0, 0, 2);
    header.writeUInt16BE(0x8180 | (typeof answer === 'number' ? answer : 0), 2);
    header.writeUInt16BE(1, 4);
    const records = typeof answer === 'number' ? [] : answer.addresses.map((text) => record(text, answer.ttlSecs));
    header.writeUInt16BE(records.length, 6);
    this.#socket.send(Buffer.concat([header, question, ...records]), from.port, from.address);
  }
}

function record(address: string, ttlSecs: number): Buffer {
  const isIpv6 = address.includes(':');
  const bytes = isIpv6 ? ipv6Bytes(address) : Buffer.from(address.split('.').map(Number));
  const head = Buffer.alloc(12);
  // A pointer to the name in the question.
  head.writeUInt16BE(0xc000 | HEADER_BYTES, 0);
  head.writeUInt16BE(isIpv6 ? TYPE_AAAA : TYPE_A, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(ttlSecs, 6);
  head.writeUInt16BE(bytes.length, 10);
  return Buffer.concat([head, bytes]);
}

function ipv6Bytes(address: string): Buffer {
  const [left = '', right = ''] = address.split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16)));
  const [first, last] = [groups(left), groups(right)];
  const bytes = Buffer.alloc(16);
  const all = [...first, ...new Array(8 - first.length - last.length).fill(0), ...last];
  for (const [i, group] of all.entries()) bytes.writeUInt16BE(group, i * 2);
  return bytes;
}
