// npm run bench cloud: own cloud processes in a temporary folder, bare connections and then a fleet against them; a table into docs/benchmarks.md.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLogger, systemClock } from '@wayside/kit';
import { CloudHttp } from '../src/cloud/cloud-http.ts';
import { OperatorApi } from '../src/cloud/operator-api.ts';
import { loadSimulatorConfig } from '../src/config.ts';
import { readSeats } from '../src/enroll/seat.ts';
import { Fleet } from '../src/fleet/fleet.ts';
import { CloudProcess, freePort } from './cloud-process.ts';
import { EventFollower } from './event-follower.ts';
import { deployToAll, isUp, readBack, until } from './fleet-phases.ts';
import { type Options, readOptions, USAGE } from './options.ts';
import { type Rate, RawClients } from './raw-clients.ts';
import { type Row, type RunFacts, renderRun, setupOf, writeRun } from './report.ts';

const SETTLE_SECS = 20;
const RAW_CONNECTIONS = 100;
const RAW_SECS = 5;
const CONNECTS = 1_000;
const KILL_REPORT_SECS = 1;
const KILL_AFTER_SECS = 10;
const say = (text: string): boolean => process.stdout.write(`${text}\n`);

class CloudBench {
  readonly #o: Options;
  readonly #folder = mkdtempSync(join(tmpdir(), 'wayside-bench-cloud-'));
  readonly #rows: Row[] = [];
  #clouds: CloudProcess[] = [];

  constructor(options: Options) {
    this.#o = options;
  }

  async run(): Promise<void> {
    const loadAverage = loadavg()[0] ?? 0;
    try {
      await this.#startClouds();
      const connections = await this.#measure();
      const { nodes, secs, store, replicas, out } = this.#o;
      const facts: RunFacts = {
        // A temporary folder may be one of memory: no disk is waited for then.
        files: this.#folder.startsWith('/dev/shm/') ? 'in memory' : 'on disk',
        atUtc: `${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC`,
        command: `npm run bench cloud -- --nodes ${nodes} --secs ${secs} --store ${store} --replicas ${replicas}`,
        ...{ store: store === 'sqlite' ? 'SQLite' : 'PostgreSQL 15', replicas, nodes, connections, loadAverage },
      };
      writeRun(out, setupOf(facts), renderRun(facts, this.#rows));
      say(`table: ${out}`);
    } finally {
      await Promise.all(this.#clouds.map((cloud) => cloud.end('SIGTERM')));
      rmSync(this.#folder, { recursive: true, force: true });
    }
  }

  async #startClouds(): Promise<void> {
    for (let count = 0; count < this.#o.replicas; count += 1) {
      const place = {
        stateDir: this.#folder,
        httpsPort: await freePort(),
        mqttPort: await freePort(),
        databaseUrl: this.#o.databaseUrl,
      };
      this.#clouds.push(await CloudProcess.start(place));
    }
  }

  async #measure(): Promise<number> {
    await this.#timed('enrolment', async () => {
      const fleet = await this.#fleet({});
      await fleet.stop(false);
      return {
        figure: (secs) => `${(this.#o.nodes / secs).toFixed(1)} nodes/s`,
        operations: this.#o.nodes,
        note: 'node, registration key, registration, 3 or 4 module keys',
      };
    });
    await this.#rawPhases();
    const connections = await this.#steadyPhases();
    await this.#killPhase();
    return connections;
  }

  async #rawPhases(): Promise<void> {
    const { secs } = this.#o;
    const seats = [...(await readSeats(this.#seatFile, this.#url)).values()];
    const raw = new RawClients(
      seats,
      this.#clouds.map(({ place }) => place.mqttPort),
      this.#caFile,
    );
    const connections = Math.min(RAW_CONNECTIONS, seats.length);
    const rawSecs = Math.min(RAW_SECS, secs);
    await this.#rate(
      'TLS connects (handshake, token, session, CONNACK)',
      () => raw.connects(CONNECTS),
      'aim 400/s a core',
    );
    await this.#rate(
      'messages of 200 B, acknowledged',
      () => raw.messages(connections, rawSecs),
      `${connections} connections, 10 in flight each`,
    );
    await this.#rate('reported patches, acknowledged', () => raw.reportedPatches(connections, rawSecs), 'aim 3000/s');
    const { http, operator } = await this.#operator();
    await this.#rate(
      'desired patches by the service API, at the device',
      () => raw.desiredPatches(http, operator, connections, rawSecs),
      'an HTTPS request each',
    );
    http.close();
  }

  async #steadyPhases(): Promise<number> {
    const { secs } = this.#o;
    const fleet = await this.#fleet({ connectsPerSec: 10_000 });
    const { http } = await this.#operator();
    const follower = await EventFollower.open(http, readFileSync(this.#caFile, 'utf8'), 'admin', this.#adminSecret);
    try {
      let connections = 0;
      await this.#timed('the whole fleet connects at once', async () => {
        fleet.start();
        await until('all nodes are up', () => isUp(fleet));
        connections = fleet.figures.connections;
        return {
          figure: (took) => `${connections} connections in ${took.toFixed(1)} s`,
          operations: connections,
          note: 'with subscriptions, twin and first report',
        };
      });
      await sleep(SETTLE_SECS * 1000);
      fleet.figures.ackMs.clear();
      const acked = fleet.figures.messagesAcked;
      await this.#timed(`steady telemetry, ${secs} s`, async () => {
        await sleep(secs * 1000);
        const messages = fleet.figures.messagesAcked - acked;
        const { ackMs } = fleet.figures;
        return {
          figure: (took) =>
            `${(messages / took).toFixed(0)} messages/s, acknowledged in p50 ${ackMs.quantileMs(0.5).toFixed(1)} / p99 ${ackMs.quantileMs(0.99).toFixed(0)} ms`,
          operations: messages,
          isShare: true,
          note: `health and cache report every 15 s, probes; RSS ${this.#rss()}`,
        };
      });
      await this.#nodeList(fleet);
      await this.#timed('a deployment to all nodes', async () => {
        const rollout = await deployToAll(fleet);
        return {
          figure: () =>
            `informed ${rollout.firstInformed.toFixed(1)} to ${rollout.lastInformed.toFixed(1)} s, reported ${rollout.firstReported.toFixed(1)} to ${rollout.lastReported.toFixed(1)} s after the first call`,
          operations: rollout.calls,
          note: 'GET and PUT of each deployment, 8 at a time; nodes take 0.5 s (median) to apply',
        };
      });
      this.#rows.push({ work: 'one stream of all events', cpu: '-', ...follower.summary() });
      return connections;
    } finally {
      follower.close();
      http.close();
      await fleet.stop(false);
    }
  }

  async #nodeList(fleet: Fleet): Promise<void> {
    await this.#timed('GET /nodes, all', async () => {
      const list = await fleet.operator.nodes();
      const states = Map.groupBy(list, ({ state }) => state);
      return {
        figure: (took) => `${(took * 1000).toFixed(0)} ms`,
        operations: 1,
        note: [...states].map(([state, nodes]) => `${nodes.length} ${state}`).join(', '),
      };
    });
  }

  /** kill -9 of the only process, which is started again, or of one of two. */
  async #killPhase(): Promise<void> {
    const fleet = await this.#fleet({ reportSecs: KILL_REPORT_SECS, connectsPerSec: 10_000 });
    try {
      fleet.start();
      await until('all nodes are up', () => isUp(fleet));
      await sleep(KILL_AFTER_SECS * 1000);
      const [killed] = this.#clouds;
      const startedMs = performance.now();
      await killed?.end('SIGKILL');
      const lost = fleet.figures.lostConnections;
      let restartSecs = 0;
      if (this.#o.replicas === 1 && killed) {
        this.#clouds = [await CloudProcess.start(killed.place)];
        restartSecs = (performance.now() - startedMs) / 1000;
      } else this.#clouds = this.#clouds.slice(1);
      await until('the loss is noticed', () => fleet.figures.lostConnections > lost || !isUp(fleet));
      await until('all nodes are back', () => isUp(fleet));
      const backSecs = (performance.now() - startedMs) / 1000;
      await sleep(KILL_AFTER_SECS * 1000);
      const kept = await this.#readBack(fleet);
      const { acked, repeated } = kept;
      say(`  kill: back after ${backSecs.toFixed(1)} s, ${acked} acknowledged, ${kept.lost.length} lost`);
      this.#rows.push({
        work: this.#o.replicas === 1 ? 'kill -9, started again' : 'kill -9 of one of two',
        figure: `all back after ${backSecs.toFixed(1)} s${restartSecs > 0 ? ` (listening after ${restartSecs.toFixed(1)} s)` : ''}`,
        cpu: '-',
        note: `a message a second and sender; ${acked} acknowledged, **${kept.lost.length} lost**, ${repeated} twice`,
      });
      if (kept.lost.length > 0) say(`  lost: ${kept.lost.slice(0, 10).join(', ')}`);
    } finally {
      await fleet.stop(false);
    }
  }

  async #readBack(fleet: Fleet) {
    for (const node of fleet.nodes) await node.stop();
    const { http, operator } = await this.#operator();
    try {
      return await readBack({ nodes: fleet.nodes, operator, run: fleet.run });
    } finally {
      http.close();
    }
  }

  /** By whichever process is left. */
  async #operator(): Promise<{ http: CloudHttp; operator: OperatorApi }> {
    const http = new CloudHttp(this.#url, readFileSync(this.#caFile, 'utf8'));
    return { http, operator: await OperatorApi.login(http, 'admin', this.#adminSecret) };
  }

  async #rate(work: string, measure: () => Promise<Rate>, note: string): Promise<void> {
    await this.#timed(work, async () => {
      const { count, secs, latency } = await measure();
      return {
        figure: () =>
          `${(count / secs).toFixed(0)}/s, p50 ${latency.quantileMs(0.5).toFixed(1)} / p99 ${latency.quantileMs(0.99).toFixed(0)} ms`,
        operations: count,
        note,
      };
    });
  }

  async #timed(
    work: string,
    run: () => Promise<{ figure(secs: number): string; operations: number; isShare?: boolean; note: string }>,
  ): Promise<void> {
    const cpuBefore = this.#cpuSecs();
    const startedMs = performance.now();
    const { figure, operations, isShare, note } = await run();
    const secs = (performance.now() - startedMs) / 1000;
    const cpuSecs = this.#cpuSecs() - cpuBefore;
    const eachMs = ((cpuSecs / Math.max(1, operations)) * 1000).toFixed(2);
    const cpu = isShare
      ? `${((cpuSecs / secs) * 100).toFixed(0)} % of a core, ${eachMs} ms a message`
      : `${eachMs} ms each, ${(operations / Math.max(0.01, cpuSecs)).toFixed(0)}/s a core`;
    this.#rows.push({ work, figure: figure(secs), cpu, note });
    say(`  ${work}: ${figure(secs)}; ${cpu}; ${note}`);
  }

  #cpuSecs(): number {
    return this.#clouds.reduce((sum, cloud) => sum + cloud.cpuSecs, 0);
  }

  #rss(): string {
    return this.#clouds.map((cloud) => `${cloud.rssMib.toFixed(0)} MiB`).join(' + ');
  }

  get #url(): string {
    return `https://localhost:${this.#clouds[0]?.place.httpsPort}`;
  }

  get #adminSecret(): string {
    return readFileSync(join(this.#folder, 'admin-secret'), 'utf8').trim();
  }

  get #caFile(): string {
    return join(this.#folder, 'ca/ca.pem');
  }

  get #seatFile(): string {
    return join(this.#folder, 'seats.json');
  }

  #fleet(change: { reportSecs?: number; connectsPerSec?: number }): Promise<Fleet> {
    const { reportSecs = 15, connectsPerSec = 200 } = change;
    const { nodes } = this.#o;
    const options = {
      ...{ cloud: this.#url, 'cloud-dir': this.#folder, state: this.#seatFile, nodes, 'report-secs': reportSecs },
      ...{ 'connects-per-sec': connectsPerSec, 'apply-secs': 0.5 },
      mqtt: this.#clouds.map(({ place }) => `localhost:${place.mqttPort}`).join(','),
    };
    const argv = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
    return Fleet.create(loadSimulatorConfig(argv, {}), { clock: systemClock, logger: silentLogger });
  }
}

const options = readOptions();
if (options.help) process.stdout.write(USAGE);
else await new CloudBench(options).run();
