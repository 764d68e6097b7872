// A raw TCP server that keeps every byte it got on each connection and answers each head with exactly the bytes, or the misdeed, that a test wants.

import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';

/** Gets the head as text (with its blank line) and how many heads came on this connection before it. */
export type HostAnswer = (socket: Socket, head: string, before: number) => void;

export interface HostConnection {
  /** Everything that came in, in order. */
  received: Buffer;
  /** Heads found in it. */
  heads: string[];
}

export class ScriptedHost {
  readonly connections: HostConnection[] = [];
  answer: HostAnswer;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(answer: HostAnswer) {
    this.answer = answer;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  /** @param port 0 for a free one */
  async start(port = 0): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get heads(): string[] {
    return this.connections.flatMap(({ heads }) => heads);
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #serve(socket: Socket): void {
    const connection: HostConnection = { received: Buffer.alloc(0), heads: [] };
    this.connections.push(connection);
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => {});
    let rest = '';
    socket.on('data', (piece: Buffer) => {
      connection.received = Buffer.concat([connection.received, piece]);
      rest += piece.toString('latin1');
      for (let end = rest.indexOf('\r\n\r\n'); end >= 0; end = rest.indexOf('\r\n\r\n')) {
        const head = rest.slice(0, end + 4);
        rest = rest.slice(end + 4);
        connection.heads.push(head);
        this.answer(socket, head, connection.heads.length - 1);
      }
    });
  }
}

/** An answer that keeps the connection. */
export function respond(status: number, headers: readonly string[] = [], body: Buffer = Buffer.alloc(0)): HostAnswer {
  return (socket) => {
    const length = headers.some((line) => /^(content-length|transfer-encoding):/i.test(line))
      ? []
      : [`Content-Length: ${body.length}`];
    socket.write(`HTTP/1.1 ${status} X\r\n${[...headers, ...length].map((line) => `${line}\r\n`).join('')}\r\n`);
    socket.write(body);
  };
}
