// One reader of the stream of all events, as a portal page is: how many came, how long after they happened, in order and without a break.

import type { ClientRequest } from 'node:http';
import { request } from 'node:https';
import type { CloudHttp } from '../src/cloud/cloud-http.ts';
import { Latency } from '../src/fleet/latency.ts';

export class EventFollower {
  /** From the moment an event bears to its arrival, on one clock. */
  readonly lag = new Latency();
  events = 0;
  breaks = 0;
  outOfOrder = 0;
  readonly #request: ClientRequest;
  #rest = '';
  #lastSeq = 0;
  #isClosing = false;

  private constructor(base: string, ca: string, token: string) {
    const headers = { authorization: `Bearer ${token}`, accept: 'text/event-stream' };
    this.#request = request(`${base}/api/v1/events`, { ca, headers, agent: false }, (response) => {
      response.setEncoding('utf8');
      response.on('data', (text: string) => this.#take(text));
      response.on('close', () => this.#broken());
      response.on('error', () => undefined);
    });
    this.#request.on('error', () => this.#broken());
    this.#request.end();
  }

  static async open(http: CloudHttp, ca: string, username: string, password: string): Promise<EventFollower> {
    const json = { username, password };
    const { token } = await http.call<{ token: string }>({ method: 'POST', path: '/api/v1/sessions', json }, [200]);
    return new EventFollower(http.base, ca, token);
  }

  summary(): { figure: string; note: string } {
    const [p50, p99] = [0.5, 0.99].map((share) => this.lag.quantileMs(share).toFixed(0));
    return {
      figure: `${this.events} events, seen after p50 ${p50} / p99 ${p99} ms`,
      note: `through storm, telemetry and deployment; ${this.breaks} breaks, ${this.outOfOrder} out of order`,
    };
  }

  close(): void {
    this.#isClosing = true;
    this.#request.destroy();
  }

  #broken(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.breaks += 1;
  }

  #take(text: string): void {
    const blocks = (this.#rest + text).split('\n\n');
    this.#rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const data = /^data: (.*)$/m.exec(block)?.[1];
      if (data === undefined) continue;
      const { seq, atUtc } = JSON.parse(data) as { seq: number; atUtc: string };
      this.events += 1;
      this.lag.add(Date.now() - Date.parse(atUtc));
      if (seq <= this.#lastSeq) this.outOfOrder += 1;
      this.#lastSeq = seq;
    }
  }
}
