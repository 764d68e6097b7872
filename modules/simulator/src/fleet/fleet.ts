// The fleet: all its nodes brought into the cloud, started, watched and ended together.

import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Clock, Logger } from '@wayside/kit';
import { CloudHttp } from '../cloud/cloud-http.ts';
import { ModuleKeys } from '../cloud/device-api.ts';
import { OperatorApi } from '../cloud/operator-api.ts';
import type { SimulatorConfig } from '../config.ts';
import { DataPorts } from '../data-port/data-port.ts';
import { driveGbOf, enroll } from '../enroll/enroll.ts';
import { readSeats, type Seat, writeSeats } from '../enroll/seat.ts';
import { SimulatedNode } from '../node/simulated-node.ts';
import { drawTraits } from '../node/traits.ts';
import { Dialer } from './dialer.ts';
import { Figures, type Summary } from './figures.ts';

/** The state file is written after so many newly registered nodes, and at the end. */
const SAVE_EVERY_NODES = 200;
const REMOVE_AT_ONCE = 8;
const RUN_BYTES = 4;

export class Fleet {
  readonly figures = new Figures();
  readonly nodes: readonly SimulatedNode[];
  readonly operator: OperatorApi;
  /** What this run's message ids begin with. */
  readonly run: string;
  readonly #http: CloudHttp;
  readonly #dataPorts: DataPorts;
  readonly #clock: Clock;
  readonly #startedMs: number;

  private constructor(o: {
    http: CloudHttp;
    operator: OperatorApi;
    dataPorts: DataPorts;
    clock: Clock;
    run: string;
    nodes(fleet: { figures: Figures; run: string }): SimulatedNode[];
  }) {
    this.#http = o.http;
    this.operator = o.operator;
    this.#dataPorts = o.dataPorts;
    this.#clock = o.clock;
    this.#startedMs = o.clock.monotonicMs();
    this.run = o.run;
    this.nodes = o.nodes({ figures: this.figures, run: o.run });
  }

  /** All nodes are in the cloud and have their keys; none is connected. */
  static async create(
    config: SimulatorConfig,
    o: { clock: Clock; logger: Logger; onEnrolled?: (done: number) => void; signal?: AbortSignal },
  ): Promise<Fleet> {
    const ca = await readFile(config.ca, 'utf8');
    const http = new CloudHttp(config.cloud, ca);
    const dataPorts = new DataPorts();
    try {
      const operator = await OperatorApi.login(http, config.user, (await readFile(config.secret, 'utf8')).trim());
      const seats = await enrollAll(config, { http, operator, dataPorts, onEnrolled: o.onEnrolled, signal: o.signal });
      o.logger.info('Nodes are in the cloud', { nodes: seats.length, cloud: config.cloud });
      const dialer = dialerOf(config, ca, o.clock);
      const run = randomBytes(RUN_BYTES).toString('hex');
      const nodes = ({ figures }: { figures: Figures }) =>
        seats.map((seat, index) => {
          const { seed, tokenSecs } = config;
          const keys = new ModuleKeys(http, { deviceId: seat.name, ...seat });
          return new SimulatedNode({
            ...{ seat, index, seed, tokenSecs, dialer, dataPorts, keys, figures, run, clock: o.clock },
            traits: drawTraits(seed, seat.name, config.applySecs, config),
            driveGb: driveGbOf(seed, seat.name),
            localAddress: config.dataAddress === undefined ? seat.ipAddress : undefined,
            reportMs: config.reportSecs * 1000,
          });
        });
      return new Fleet({ http, operator, dataPorts, nodes, run, clock: o.clock });
    } catch (error) {
      await dataPorts.closeAll();
      http.close();
      throw error;
    }
  }

  start(): void {
    for (const node of this.nodes) node.start();
  }

  summary(): Summary {
    return this.figures.summary(this.nodes.length, (this.#clock.monotonicMs() - this.#startedMs) / 1000);
  }

  /** Connections say goodbye, ports close; with `remove` the cloud forgets the nodes. */
  async stop(remove: boolean): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
    await this.#dataPorts.closeAll();
    if (remove) await this.#remove();
    this.#http.close();
  }

  async #remove(): Promise<void> {
    const left = this.nodes.map(({ name }) => name);
    const lane = async () => {
      for (let name = left.pop(); name !== undefined; name = left.pop()) await this.operator.deleteNode(name);
    };
    await Promise.all(Array.from({ length: REMOVE_AT_ONCE }, lane));
  }
}

async function enrollAll(
  config: SimulatorConfig,
  o: {
    http: CloudHttp;
    operator: OperatorApi;
    dataPorts: DataPorts;
    onEnrolled: ((done: number) => void) | undefined;
    signal: AbortSignal | undefined;
  },
): Promise<Seat[]> {
  const { cloud, state, seed, prefix, nodes, bgpShare, dataAddress } = config;
  const known = state === undefined ? new Map<string, Seat>() : await readSeats(state, cloud);
  let unsaved = 0;
  const save = async () => {
    unsaved = 0;
    if (state !== undefined) await writeSeats(state, cloud, [...known.values()]);
  };
  try {
    return await enroll({
      ...{ http: o.http, operator: o.operator, dataPorts: o.dataPorts, signal: o.signal },
      ...{ known: new Map(known), seed, prefix, nodes, bgpShare, dataAddress },
      onSeat: async (seat, done) => {
        known.set(seat.name, seat);
        unsaved += 1;
        o.onEnrolled?.(done);
        if (unsaved >= SAVE_EVERY_NODES) await save();
      },
    });
  } finally {
    await save();
  }
}

function dialerOf(config: SimulatorConfig, ca: string, clock: Clock): Dialer {
  const endpoints = config.mqtt.map((text) => {
    const colon = text.lastIndexOf(':');
    return { host: text.slice(0, colon), port: Number(text.slice(colon + 1)) };
  });
  return new Dialer({
    endpoints,
    ca,
    clock,
    host: new URL(config.cloud).hostname,
    connectsPerSec: config.connectsPerSec,
  });
}
