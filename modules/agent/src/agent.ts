// Joins the parts of edgeAgent: deployments -> reconciler -> reports and health, beside the connection to the cloud. Takes ports, reads no environment.

import { join } from 'node:path';
import { type Clock, describeError, type Logger } from '@wayside/kit';
import type { SystemInfo } from '@wayside/protocol';
import { CloudConnection } from './cloud/cloud-connection.ts';
import type { CloudClient, CloudHandlers } from './cloud/module-client.ts';
import type { AgentConfig } from './config.ts';
import { DaemonWatch } from './daemon/daemon-watch.ts';
import type { ManagementClient } from './daemon/management-client.ts';
import { type Backup, Deployments } from './deployment/deployments.ts';
import { SealedFile, type Sealer } from './deployment/sealed-file.ts';
import { AgentMethods } from './methods/methods.ts';
import type { AgentMetrics } from './metrics/agent-metrics.ts';
import type { Health } from './metrics/metrics-server.ts';
import { ImagePulls } from './reconcile/image-pulls.ts';
import { type LastGoodFile, ModuleMemory } from './reconcile/module-memory.ts';
import { type Deployment, Reconciler } from './reconcile/reconciler.ts';
import { toHealth } from './report/health-message.ts';
import { HealthSender } from './report/health-sender.ts';
import { HostSampler } from './report/host-figures.ts';
import { type AgentVersion, type Platform, toReported } from './report/reported-properties.ts';
import { Reporter } from './report/reporter.ts';
import type { Snapshot } from './report/snapshot.ts';

const BACKUP_RETRY_MS = 3_000;
const SYSTEM_INFO_RETRY_MS = 10_000;
/** No round for this long: the loop hangs or the daemon is gone. */
const ROUND_AGE_MS_MAX = 330_000;
/** Docker kills 10 s after SIGTERM: the step under way, the last report and the close of the connection have to fit. */
const LOOPS_END_MS_MAX = 2_500;
const FAREWELL_MS_MAX = 2_500;
const SELF_RESTART_DELAY_MS = 1_000;
const STOP_MODULES_MS_MAX = 60_000;

export interface AgentPorts {
  config: AgentConfig;
  version: AgentVersion;
  engine: ManagementClient;
  sealer: Sealer;
  connect: (handlers: CloudHandlers) => Promise<CloudClient>;
  /** PEM; the CA of the cloud is in it. */
  trustBundle: () => Promise<string>;
  metrics: AgentMetrics;
  clock: Clock;
  logger: Logger;
}

export class Agent {
  readonly #ports: AgentPorts;
  readonly #memory: ModuleMemory;
  readonly #reconciler: Reconciler;
  readonly #deployments: Deployments;
  readonly #reporter: Reporter;
  readonly #health: HealthSender;
  readonly #host: HostSampler;
  readonly #daemon: DaemonWatch;
  readonly #methods: AgentMethods;
  readonly #cloud: CloudConnection;
  readonly #stop = new AbortController();
  #platform: Platform = { os: 'linux', architecture: process.arch, version: '' };
  #client: CloudClient | undefined;
  #loops: Promise<unknown> = Promise.resolve();
  #shortened = '';
  #startedMs = 0;

  constructor(ports: AgentPorts) {
    this.#ports = ports;
    const { config, engine, clock, logger, metrics, sealer } = ports;
    const isKept = config.usePersistentStorage;
    const lastGoodPath = join(config.stateFolder, 'last-good.json');
    this.#memory = new ModuleMemory({
      statePath: isKept ? join(config.stateFolder, 'module-state.json') : undefined,
      lastGoodFile: isKept ? new SealedFile<LastGoodFile>(lastGoodPath, sealer) : undefined,
      logger,
    });
    const pulls = new ImagePulls({
      prepare: (spec) => engine.prepareImage(spec),
      clock,
      logger,
      onChange: () => this.#reconciler.wake(),
    });
    this.#reconciler = new Reconciler({
      engine,
      memory: this.#memory,
      pulls,
      clock,
      logger,
      settings: config.plan,
      onSnapshot: (snapshot) => this.#onSnapshot(snapshot),
      onOutcome: (outcome) => metrics.onOutcome(outcome),
    });
    this.#deployments = new Deployments({
      backup: isKept ? new SealedFile<Backup>(config.backupPath, sealer) : undefined,
      parentHostname: config.parentHostname,
      logger,
      onDeployment: (deployment) => this.#onDeployment(deployment),
    });
    this.#reporter = new Reporter(clock, logger);
    this.#health = new HealthSender(clock, logger);
    this.#host = new HostSampler(() => engine.systemResources(), clock, logger);
    this.#daemon = new DaemonWatch({
      socketMark: () => engine.socketMark(),
      systemInfo: () => engine.systemInfo(),
      onNewSocket: () => this.#host.hurry(),
      onSystemInfo: (info) => this.#onSystemInfo(info),
      clock,
      logger,
    });
    this.#methods = this.#createMethods();
    this.#cloud = this.#createCloud();
  }

  /** Starts every loop and returns. */
  async start(): Promise<void> {
    const { clock, metrics } = this.#ports;
    const { signal } = this.#stop;
    this.#startedMs = clock.monotonicMs();
    await this.#memory.load();
    // The node comes up from what it knows; the cloud is news that comes later.
    this.#loops = Promise.all([
      this.#startFromBackup(signal),
      this.#reconciler.run(signal),
      this.#cloud.run(signal),
      this.#health.run(signal),
      this.#host.run(signal, (resources) => {
        metrics.onResources(resources);
        void this.#daemon.onUptime(resources.process_uptime);
      }),
      this.#daemon.run(signal),
      this.#readSystemInfo(signal),
    ]);
  }

  /** Reports 406 and ends. Modules run on unless StopModulesOnShutdown says otherwise. */
  async stop(): Promise<void> {
    const { config, logger, clock } = this.#ports;
    this.#stop.abort(new Error('edgeAgent is shutting down'));
    this.#methods.stop();
    const client = this.#client;
    const ended = this.#loops.catch((error: unknown) => logger.error('A loop ended with an error', { error }));
    await Promise.race([ended, clock.sleep(LOOPS_END_MS_MAX)]);
    if (config.stopModulesOnShutdown) await this.#stopModules();
    if (client) await this.#sayFarewell(client);
  }

  health(): Health {
    const { clock } = this.#ports;
    const nowMs = clock.nowMs();
    const atMs = this.#reconciler.snapshot?.atMs;
    const ageMs = atMs === undefined ? clock.monotonicMs() - this.#startedMs : nowMs - atMs;
    const isOk = ageMs < ROUND_AGE_MS_MAX;
    return { isOk, text: isOk ? '' : `no look at the modules for ${Math.round(ageMs / 1000)} s` };
  }

  #createMethods(): AgentMethods {
    const { config, engine, clock, logger, metrics } = this.#ports;
    return new AgentMethods({
      identity: { iothub: config.iothubHostname, device: config.deviceId },
      source: {
        moduleNames: () => (this.#reconciler.snapshot?.modules ?? []).filter((m) => m.observed).map((m) => m.name),
        logs: (name, query, signal) => engine.logs(name, query, signal),
      },
      restartModule: (name) => (name === 'edgeAgent' ? this.#restartSelf() : this.#reconciler.restartModule(name)),
      supportBundle: (query, signal) => engine.supportBundle(query, signal),
      trustBundle: this.#ports.trustBundle,
      clock,
      logger,
      requestTimeoutMs: config.requestTimeoutSecs * 1000,
      onCall: (name) => metrics.onMethod(name),
    });
  }

  /** The answer goes out before the process ends. */
  async #restartSelf(): Promise<void> {
    const { engine, clock, logger } = this.#ports;
    void clock
      .sleep(SELF_RESTART_DELAY_MS)
      .then(() => engine.restartModule('edgeAgent'))
      .catch((error: unknown) => logger.warn('edgeAgent is not restarted', { error }));
  }

  #createCloud(): CloudConnection {
    const { config, connect, clock, logger, metrics } = this.#ports;
    return new CloudConnection({
      connect,
      clock,
      logger,
      refreshMs: config.configRefreshFrequencySecs * 1000,
      onDesired: (desired) => void this.#deployments.accept(desired),
      onMethod: (call) => this.#methods.call(call),
      onConnected: (client, reported) => {
        this.#client = client;
        this.#reporter.attach(client, reported);
        this.#health.attach(client);
      },
      onDisconnected: () => {
        if (this.#stop.signal.aborted) return;
        this.#client = undefined;
        this.#reporter.detach();
        this.#health.detach();
      },
      onSync: (isOk) => metrics.onSync(isOk),
    });
  }

  #onDeployment(deployment: Deployment): void {
    const { metrics, clock, logger } = this.#ports;
    logger.info('Deployment received', { version: deployment.version });
    metrics.onDeployment(deployment.version, clock.nowMs());
    this.#reconciler.setDeployment(deployment);
  }

  #onSnapshot(snapshot: Snapshot): void {
    const { metrics, version, logger } = this.#ports;
    metrics.onSnapshot(snapshot);
    const { section, shortened } = toReported(snapshot, version, this.#platform);
    if (shortened !== this.#shortened && shortened !== '')
      logger.error('Reported properties do not fit the twin', { code: 'AGENT_REPORT_TOO_LARGE', shortened });
    this.#shortened = shortened;
    this.#reporter.want(section);
    this.#health.update(
      toHealth(snapshot, {
        agentVersion: version.version,
        daemon: this.#daemon.facts,
        host: this.#host.figures(),
      }),
    );
  }

  async #startFromBackup(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#ports;
    while (!signal.aborted) {
      try {
        await this.#deployments.startFromBackup();
        return;
      } catch (error) {
        logger.error('Backup of the deployment cannot be read', { error: describeError(error) });
        if ((error as { code?: string }).code === 'AGENT_BACKUP_INVALID') return;
        await clock.sleep(BACKUP_RETRY_MS, signal).catch(() => undefined);
      }
    }
  }

  #onSystemInfo(info: SystemInfo): void {
    const { metrics, version } = this.#ports;
    this.#platform = { os: info.osType, architecture: info.architecture, version: info.version };
    metrics.onSystemInfo(info, version.version);
  }

  async #readSystemInfo(signal: AbortSignal): Promise<void> {
    const { engine, clock } = this.#ports;
    while (!signal.aborted) {
      const info: SystemInfo | undefined = await engine.systemInfo().catch(() => undefined);
      if (info) {
        this.#onSystemInfo(info);
        return;
      }
      await clock.sleep(SYSTEM_INFO_RETRY_MS, signal).catch(() => undefined);
    }
  }

  async #stopModules(): Promise<void> {
    const { engine, logger, clock } = this.#ports;
    const running = (this.#reconciler.snapshot?.modules ?? [])
      .filter((module) => module.observed?.state === 'running' && module.name !== 'edgeAgent')
      .map((module) => module.name);
    const stopping = Promise.all(
      running.map((name) =>
        engine.stopModule(name).catch((error: unknown) => logger.warn('Module did not stop', { module: name, error })),
      ),
    );
    await Promise.race([stopping, clock.sleep(STOP_MODULES_MS_MAX)]);
  }

  async #sayFarewell(client: CloudClient): Promise<void> {
    const { clock, logger, version } = this.#ports;
    const last = this.#reconciler.snapshot;
    if (last) {
      const { section } = toReported(toFarewell(last), version, this.#platform);
      const sent = this.#reporter.flush(client, section).catch((error: unknown) => {
        logger.warn('Last report cannot be sent', { error: describeError(error) });
      });
      await Promise.race([sent, clock.sleep(FAREWELL_MS_MAX)]);
    }
    await client.close();
  }
}

/** iotedge.md 2.5: code 406, every runtimeStatus unknown. */
function toFarewell(last: Snapshot): Snapshot {
  return {
    ...last,
    lastDesired: { version: last.lastDesired.version, code: 406, description: 'Agent is not running' },
    modules: last.modules.map((module) => ({ ...module, runtimeStatus: 'unknown' })),
  };
}
