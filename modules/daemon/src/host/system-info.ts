// Facts about the machine for `GET /systeminfo` and `GET /systeminfo/resources` (iotedge.md 4.4).

import { readFile, statfs } from 'node:fs/promises';
import os from 'node:os';
import type { JsonObject, SystemInfo, SystemResources } from '@wayside/protocol';
import type { ContainerEngine } from '../containers/engine.ts';
import type { Modules } from '../containers/modules.ts';

/** Time over which the CPU share is measured. */
const CPU_SAMPLE_MS = 200;
/** File systems that are no disks. */
const VIRTUAL = new Set([
  'tmpfs',
  'devtmpfs',
  'proc',
  'sysfs',
  'cgroup',
  'cgroup2',
  'mqueue',
  'devpts',
  'nsfs',
  'securityfs',
  'debugfs',
  'tracefs',
  'bpf',
  'pstore',
  'fusectl',
  'configfs',
  'binfmt_misc',
  'hugetlbfs',
  'autofs',
  'rpc_pipefs',
  'fuse.lxcfs',
]);

export interface SystemInfoOptions {
  engine: ContainerEngine;
  version: string;
  provisioningType: string;
  additional: () => JsonObject;
}

export async function systemInfo(o: SystemInfoOptions): Promise<SystemInfo & { additional_info: JsonObject }> {
  const info = await o.engine.info();
  return {
    osType: info.osType,
    architecture: info.architecture,
    version: o.version,
    server_version: info.serverVersion,
    kernel_version: info.kernelVersion,
    operating_system: info.operatingSystem,
    cpus: info.cpus,
    total_memory: info.totalMemory,
    virtualized: await virtualized(),
    provisioning: { type: o.provisioningType, dynamicReprovisioning: false, alwaysReprovisionOnStartup: false },
    additional_info: o.additional(),
  };
}

export async function systemResources(engine: ContainerEngine, modules: Modules): Promise<SystemResources> {
  const [used_cpu, disks, stats] = await Promise.all([
    cpuPercent(),
    disksOf(await mounts()),
    dockerStats(engine, modules),
  ]);
  return {
    host_uptime: Math.floor(os.uptime()),
    process_uptime: Math.floor(process.uptime()),
    used_cpu,
    used_ram: os.totalmem() - (await availableMemory()),
    total_ram: os.totalmem(),
    disks,
    docker_stats: JSON.stringify(stats),
  };
}

async function dockerStats(engine: ContainerEngine, modules: Modules): Promise<JsonObject[]> {
  const running = (await modules.inspectAll()).filter(({ state }) => state === 'running');
  const stats = await Promise.all(running.map(({ id }) => engine.stats(id).catch(() => undefined)));
  return stats.filter((one) => one !== undefined);
}

async function virtualized(): Promise<string> {
  try {
    return /^flags\s*:.*\bhypervisor\b/m.test(await readFile('/proc/cpuinfo', 'utf8')) ? 'yes' : 'no';
  } catch {
    return 'unknown';
  }
}

/** Memory that programs could still get; page cache counts as free. */
async function availableMemory(): Promise<number> {
  const kib = /^MemAvailable:\s+(\d+) kB$/m.exec(await readFile('/proc/meminfo', 'utf8').catch(() => ''))?.[1];
  return kib === undefined ? os.freemem() : Number(kib) * 1024;
}

/** Share of all CPUs in use, percent. */
async function cpuPercent(): Promise<number> {
  const before = cpuTimes();
  await new Promise((resolve) => setTimeout(resolve, CPU_SAMPLE_MS));
  const after = cpuTimes();
  const total = after.total - before.total;
  return total <= 0 ? 0 : Math.round((1000 * (total - (after.idle - before.idle))) / total) / 10;
}

function cpuTimes(): { total: number; idle: number } {
  const times = os.cpus().map((cpu) => cpu.times);
  const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
  return { total: sum(times.flatMap((t) => Object.values(t))), idle: sum(times.map((t) => t.idle)) };
}

interface Mount {
  device: string;
  path: string;
  type: string;
}

/** One mount a device: in a container the same disk shows up once for every bind mount. */
async function mounts(): Promise<Mount[]> {
  const text = await readFile('/proc/self/mounts', 'utf8').catch(() => '');
  const byDevice = new Map<string, Mount>();
  for (const line of text.split('\n')) {
    const [device = '', path = '', type = ''] = line.split(' ').map((part) => part.replace(/\\040/g, ' '));
    if (device !== '' && !VIRTUAL.has(type) && !byDevice.has(device)) byDevice.set(device, { device, path, type });
  }
  return [...byDevice.values()];
}

async function disksOf(found: Mount[]): Promise<SystemResources['disks']> {
  const disks = await Promise.all(
    found.map(async ({ device, path, type }) => {
      const facts = await statfs(path).catch(() => undefined);
      if (facts === undefined || facts.blocks === 0) return undefined;
      return {
        name: device,
        available_space: facts.bavail * facts.bsize,
        total_space: facts.blocks * facts.bsize,
        file_system: type,
        file_type: 'Disk',
      };
    }),
  );
  return disks.filter((disk) => disk !== undefined);
}
