// Measurements by bare connections, without a fleet: handshakes, acknowledged messages, reported patches, desired patches by a service.

import { readFileSync } from 'node:fs';
import tls from 'node:tls';
import { createSasToken, parseConnectionString } from '@wayside/protocol';
import type { CloudHttp } from '../src/cloud/cloud-http.ts';
import type { OperatorApi } from '../src/cloud/operator-api.ts';
import type { Seat } from '../src/enroll/seat.ts';
import { Latency } from '../src/fleet/latency.ts';
import { DeviceClient, type DeviceEvents } from '../src/mqtt/device-client.ts';
import type { LinkTarget } from '../src/mqtt/mqtt-link.ts';

const DIALS_AT_ONCE = 50;
const IN_FLIGHT = 10;
const TOKEN_SECS = 3_600;
const BODY = JSON.stringify({ text: 'x'.repeat(180) });
const SERVICE_CALLS_AT_ONCE = 16;

export interface Rate {
  count: number;
  secs: number;
  latency: Latency;
}

export class RawClients {
  readonly #seats: readonly Seat[];
  readonly #ports: readonly number[];
  readonly #secureContext: tls.SecureContext;

  constructor(seats: readonly Seat[], ports: readonly number[], ca: string) {
    this.#seats = seats;
    this.#ports = ports;
    this.#secureContext = tls.createSecureContext({ ca: readFileSync(ca), minVersion: 'TLSv1.2' });
  }

  /** Connects, is accepted and leaves, again and again: full handshakes, no resumption. */
  async connects(count: number): Promise<Rate> {
    const latency = new Latency();
    const startedMs = performance.now();
    await inLanes(DIALS_AT_ONCE, count, async (number) => {
      const beganMs = performance.now();
      const client = await this.#connect(number);
      latency.add(performance.now() - beganMs);
      await client.close();
    });
    return { count, secs: (performance.now() - startedMs) / 1000, latency };
  }

  /** Messages of some 200 bytes, ten in flight on each of `connections`. */
  messages(connections: number, secs: number): Promise<Rate> {
    const properties = { system: {}, app: {} };
    return this.#closedLoop(connections, secs, (client) => client.send(properties, BODY));
  }

  /** Small reported patches, ten in flight on each of `connections`. */
  reportedPatches(connections: number, secs: number): Promise<Rate> {
    return this.#closedLoop(connections, secs, async (client, number) => {
      await client.report({ counter: number });
    });
  }

  /** Desired patches by the service API; counted when the device has them. */
  async desiredPatches(http: CloudHttp, operator: OperatorApi, connections: number, secs: number): Promise<Rate> {
    const { iothubowner } = await operator.get<{ iothubowner: string }>('/connection-strings');
    const { sharedAccessKey = '', hostName } = parseConnectionString(iothubowner);
    const expiresAtSecs = Math.floor(Date.now() / 1000) + TOKEN_SECS;
    const authorization = createSasToken({
      resource: hostName,
      keyBase64: sharedAccessKey,
      expiresAtSecs,
      skn: 'iothubowner',
    });
    const latency = new Latency();
    const sentMs = new Map<number, number>();
    let count = 0;
    const desired: DeviceEvents['desired'] = ({ counter }) => {
      latency.add(performance.now() - (sentMs.get(Number(counter)) ?? performance.now()));
      sentMs.delete(Number(counter));
      count += 1;
    };
    const clients = await this.#open(connections, desired);
    const startedMs = performance.now();
    await inLanes(SERVICE_CALLS_AT_ONCE, Number.POSITIVE_INFINITY, async (number) => {
      if (performance.now() - startedMs > secs * 1000) return false;
      const seat = this.#seats[number % connections] as Seat;
      sentMs.set(number, performance.now());
      await http.call(
        {
          method: 'PATCH',
          path: `/twins/${seat.name}/modules/MCC?api-version=2021-04-12`,
          json: { properties: { desired: { counter: number } } },
          headers: { authorization },
        },
        [200],
      );
      return true;
    });
    const took = (performance.now() - startedMs) / 1000;
    await Promise.all(clients.map((client) => client.close()));
    return { count, secs: took, latency };
  }

  async #closedLoop(connections: number, secs: number, work: (client: DeviceClient, number: number) => Promise<void>) {
    const clients = await this.#open(connections);
    const latency = new Latency();
    const startedMs = performance.now();
    let count = 0;
    await Promise.all(
      clients.flatMap((client) =>
        Array.from({ length: IN_FLIGHT }, async () => {
          while (performance.now() - startedMs < secs * 1000) {
            const beganMs = performance.now();
            count += 1;
            await work(client, count);
            latency.add(performance.now() - beganMs);
          }
        }),
      ),
    );
    const took = (performance.now() - startedMs) / 1000;
    await Promise.all(clients.map((client) => client.close()));
    return { count, secs: took, latency };
  }

  async #open(connections: number, desired?: DeviceEvents['desired']): Promise<DeviceClient[]> {
    const clients: DeviceClient[] = [];
    await inLanes(DIALS_AT_ONCE, connections, async (number) => {
      const client = await this.#connect(number, desired);
      await client.receive();
      clients.push(client);
    });
    return clients;
  }

  #connect(number: number, desired: DeviceEvents['desired'] = () => undefined): Promise<DeviceClient> {
    const seat = this.#seats[number % this.#seats.length] as Seat;
    const target: LinkTarget = {
      ...{ host: '127.0.0.1', port: this.#ports[number % this.#ports.length] as number },
      ...{ servername: seat.hubHost, secureContext: this.#secureContext, localAddress: seat.ipAddress },
    };
    return DeviceClient.connect(
      target,
      { hubHost: seat.hubHost, deviceId: seat.name, moduleId: 'MCC', key: seat.moduleKeys.MCC as string },
      { keepAliveSecs: 180, product: 'wayside-bench', expiresAtSecs: Math.floor(Date.now() / 1000) + TOKEN_SECS },
      { desired, method: () => ({ status: 501, payload: null }), closed: () => undefined },
    );
  }
}

/** Jobs 0, 1, 2 .. `count`, so many at a time; a job that returns false ends it. */
async function inLanes(lanes: number, count: number, job: (number: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) {
      const number = next;
      next += 1;
      if ((await job(number)) === false) next = Number.POSITIVE_INFINITY;
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}
