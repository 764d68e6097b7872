// The agent's Prometheus metrics under the original's names and labels (iotedge.md 2.7).

import type { SystemInfo, SystemResources } from '@wayside/protocol';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Step } from '../plan/model.ts';
import type { StepOutcome } from '../reconcile/step-runner.ts';
import type { ModuleSnapshot, Snapshot } from '../report/snapshot.ts';

/** Longest pause between two snapshots that counts as watched time. */
const SAMPLE_GAP_SECS_MAX = 60;
const HOST = '_host_';

const COMMANDS: { [K in Step['kind']]: string | undefined } = {
  prepareImage: 'prepareUpdate',
  updateAgent: 'update',
  create: 'create',
  replace: 'update',
  restore: 'update',
  remove: 'remove',
  start: 'start',
  stop: 'stop',
  restart: 'restart',
  createIdentity: undefined,
  deleteIdentity: undefined,
  resetRestarts: undefined,
};

interface DockerStats {
  name?: string;
  memory_stats?: { usage?: number; limit?: number };
  pids_stats?: { current?: number };
  networks?: { [name: string]: { rx_bytes?: number; tx_bytes?: number } };
  blkio_stats?: { io_service_bytes_recursive?: { op?: string; value?: number }[] | null };
  cpu_stats?: CpuStats;
  precpu_stats?: CpuStats;
}
interface CpuStats {
  cpu_usage?: { total_usage?: number };
  system_cpu_usage?: number;
  online_cpus?: number;
}

export class AgentMetrics {
  readonly #registry = new Registry();
  readonly #runningCorrectly: Counter;
  readonly #expectedRunning: Counter;
  readonly #starts: Counter;
  readonly #stops: Counter;
  readonly #prepares: Counter;
  readonly #latency: Histogram;
  readonly #syncs: Counter;
  readonly #failedSyncs: Counter;
  readonly #methods: Counter;
  readonly #deploymentTime: Histogram;
  readonly #gauges = new Map<string, Gauge>();
  readonly #snapshotAtMs = { value: 0 };
  /** Since when the deployment that is not settled yet is being brought about. */
  #deploying: { version: number; sinceMs: number } | undefined;

  constructor(labels: { iothub: string; edge_device: string; instance_number: string }) {
    this.#registry.setDefaultLabels(labels);
    this.#runningCorrectly = this.#counter('total_time_running_correctly_seconds', 'Time a module was as wanted', [
      'module_name',
    ]);
    this.#expectedRunning = this.#counter('total_time_expected_running_seconds', 'Time a module was wanted running', [
      'module_name',
    ]);
    const module = ['module_name', 'module_version'];
    this.#starts = this.#counter('module_start_total', 'Starts of a module', module);
    this.#stops = this.#counter('module_stop_total', 'Stops of a module', module);
    this.#prepares = this.#counter('module_prepare_update_total', 'Image fetches for a module', module);
    this.#latency = this.#histogram(
      'command_latency_seconds',
      'Time of one step',
      ['command'],
      [0.05, 0.2, 1, 5, 20, 60],
    );
    this.#syncs = this.#counter('iothub_syncs_total', 'Twin reads');
    this.#failedSyncs = this.#counter('unsuccessful_iothub_syncs_total', 'Twin reads that failed');
    this.#methods = this.#counter('edgeagent_direct_method_invocations_count_total', 'Direct method calls', [
      'method_name',
    ]);
    const buckets = [1, 2, 4, 10, 30, 120, 600];
    this.#deploymentTime = this.#histogram('deployment_time_seconds', 'From a new deployment to code 200', [], buckets);
  }

  async text(): Promise<{ contentType: string; body: string }> {
    return { contentType: this.#registry.contentType, body: await this.#registry.metrics() };
  }

  onSync(isOk: boolean): void {
    (isOk ? this.#syncs : this.#failedSyncs).inc();
  }

  onMethod(name: string): void {
    this.#methods.inc({ method_name: name });
  }

  onDeployment(version: number, nowMs: number): void {
    if (this.#deploying?.version !== version) this.#deploying = { version, sinceMs: nowMs };
  }

  onOutcome({ step, isOk, durationMs }: StepOutcome): void {
    const command = COMMANDS[step.kind];
    if (command === undefined) return;
    this.#latency.observe({ command }, durationMs / 1000);
    if (!isOk) return;
    const version = 'module' in step ? step.module.version : '';
    const labels = { module_name: step.name, module_version: version };
    if (['start', 'restart', 'replace', 'restore'].includes(step.kind)) this.#starts.inc(labels);
    if (['stop', 'restart', 'replace'].includes(step.kind)) this.#stops.inc(labels);
    if (step.kind === 'prepareImage') this.#prepares.inc(labels);
  }

  onSnapshot(snapshot: Snapshot): void {
    const gapSecs = this.#snapshotAtMs.value === 0 ? 0 : (snapshot.atMs - this.#snapshotAtMs.value) / 1000;
    this.#snapshotAtMs.value = snapshot.atMs;
    if (gapSecs > 0 && gapSecs <= SAMPLE_GAP_SECS_MAX)
      for (const module of snapshot.modules) this.#countTime(module, gapSecs);
    const deploying = this.#deploying;
    if (deploying && snapshot.lastDesired.code === 200 && snapshot.lastDesired.version === deploying.version) {
      this.#deploymentTime.observe(Math.max(0, snapshot.atMs - deploying.sinceMs) / 1000);
      this.#deploying = undefined;
    }
  }

  #countTime(module: ModuleSnapshot, gapSecs: number): void {
    const labels = { module_name: module.name };
    const isWanted = module.name === 'edgeAgent' || module.desired?.status === 'running';
    if (!isWanted) return;
    this.#expectedRunning.inc(labels, gapSecs);
    if (module.runtimeStatus === 'running') this.#runningCorrectly.inc(labels, gapSecs);
  }

  onSystemInfo(info: SystemInfo, agentVersion: string): void {
    const names = ['edge_agent_version', 'experimental_features', 'host_information'];
    this.#gauge('metadata', 'Facts about agent and host', names).set(
      { edge_agent_version: agentVersion, experimental_features: '{}', host_information: JSON.stringify(info) },
      0,
    );
  }

  onResources(resources: SystemResources): void {
    this.#gauge('host_uptime_seconds', 'Time since the host started', []).set(resources.host_uptime);
    this.#gauge('iotedged_uptime_seconds', 'Time since the daemon started', []).set(resources.process_uptime);
    const diskLabels = ['disk_name', 'disk_filesystem', 'disk_filetype'];
    for (const disk of resources.disks) {
      const labels = { disk_name: disk.name, disk_filesystem: disk.file_system, disk_filetype: disk.file_type };
      this.#gauge('available_disk_space_bytes', 'Free disk space', diskLabels).set(labels, disk.available_space);
      this.#gauge('total_disk_space_bytes', 'Disk size', diskLabels).set(labels, disk.total_space);
    }
    this.#setUsage(HOST, {
      used_memory_bytes: resources.used_ram,
      total_memory_bytes: resources.total_ram,
      used_cpu_percent: resources.used_cpu,
    });
    for (const stats of readStats(resources.docker_stats)) this.#onContainer(stats);
  }

  #onContainer(stats: DockerStats): void {
    const networks = Object.values(stats.networks ?? {});
    const io = stats.blkio_stats?.io_service_bytes_recursive ?? [];
    const ioOf = (op: string) => sum(io.filter((each) => each.op?.toLowerCase() === op).map((each) => each.value));
    this.#setUsage((stats.name ?? '').replace(/^\//, ''), {
      used_memory_bytes: stats.memory_stats?.usage,
      total_memory_bytes: stats.memory_stats?.limit,
      used_cpu_percent: cpuPercent(stats),
      created_pids_total: stats.pids_stats?.current,
      total_network_in_bytes: sum(networks.map((each) => each.rx_bytes)),
      total_network_out_bytes: sum(networks.map((each) => each.tx_bytes)),
      total_disk_read_bytes: ioOf('read'),
      total_disk_write_bytes: ioOf('write'),
    });
  }

  #setUsage(name: string, figures: { [metric: string]: number | undefined }): void {
    if (name === '') return;
    for (const [metric, value] of Object.entries(figures))
      if (value !== undefined && Number.isFinite(value))
        this.#gauge(metric, `Usage by a module or the host: ${metric}`, ['module_name']).set(
          { module_name: name },
          value,
        );
  }

  #gauge(name: string, help: string, labelNames: string[]): Gauge {
    const known = this.#gauges.get(name);
    if (known) return known;
    const gauge = new Gauge({ name: `edgeAgent_${name}`, help, labelNames, registers: [this.#registry] });
    this.#gauges.set(name, gauge);
    return gauge;
  }

  #counter(name: string, help: string, labelNames: string[] = []): Counter {
    return new Counter({ name: `edgeAgent_${name}`, help, labelNames, registers: [this.#registry] });
  }

  #histogram(name: string, help: string, labelNames: string[], buckets: number[]): Histogram {
    return new Histogram({ name: `edgeAgent_${name}`, help, labelNames, buckets, registers: [this.#registry] });
  }
}

function sum(values: (number | undefined)[]): number {
  return values.reduce<number>((total, value) => total + (value ?? 0), 0);
}

function cpuPercent({ cpu_stats: now, precpu_stats: before }: DockerStats): number | undefined {
  const used = (now?.cpu_usage?.total_usage ?? 0) - (before?.cpu_usage?.total_usage ?? 0);
  const whole = (now?.system_cpu_usage ?? 0) - (before?.system_cpu_usage ?? 0);
  return whole > 0 ? (used / whole) * (now?.online_cpus ?? 1) * 100 : undefined;
}

/** The daemon hands on what Docker said; a shape that is not a list counts as none. */
function readStats(text: string): DockerStats[] {
  try {
    const parsed: unknown = JSON.parse(text);
    return Array.isArray(parsed) ? parsed.filter((each) => typeof each === 'object' && each !== null) : [];
  } catch {
    return [];
  }
}
