// `node restart|purge|prefetch|support-bundle` and `metrics`: work on a running node through the cloud, and its figures.

import { EdgeError } from '@wayside/kit';
import type { ErrorCode } from '../errors.ts';
import type { Io } from '../io.ts';
import { alignedTable } from '../table/aligned-table.ts';
import { jsonText, plainLine } from '../terminal-text.ts';
import type { CloudClient } from './cloud-client.ts';

const POLL_MS = 1_000;

const pathOf = (node: string, rest: string) => `nodes/${encodeURIComponent(node)}/${rest}`;

interface Answer {
  status: number;
  payload: unknown;
}

export async function restartModule(io: Io, client: CloudClient, node: string, module: string): Promise<void> {
  await client.write(`restart ${module} of node ${node}`, 'POST', pathOf(node, 'restart'), { module });
  io.stdout.write(`Restarted ${module} of ${node}\n`);
}

export interface PurgeOptions {
  url?: string[];
  prefix?: string[];
  contentHost?: string[];
  tag?: string[];
  all?: boolean;
}

/** Prints the receipt. */
export async function purge(io: Io, client: CloudClient, node: string, o: PurgeOptions): Promise<void> {
  const body = {
    ...(o.url ? { urls: o.url } : {}),
    ...(o.prefix ? { prefixes: o.prefix } : {}),
    ...(o.contentHost ? { hosts: o.contentHost } : {}),
    ...(o.tag ? { tags: o.tag } : {}),
    ...(o.all ? { all: true } : {}),
  };
  if (Object.keys(body).length === 0)
    throw new EdgeError(
      'CLI_OPTION_INVALID' satisfies ErrorCode,
      'Cannot purge: wanted --url, --prefix, --content-host, --tag or --all',
      {
        source: 'config',
      },
    );
  const { payload } = await client.write<Answer>(`purge node ${node}`, 'POST', pathOf(node, 'purge'), body);
  io.stdout.write(`${jsonText(payload, 2)}\n`);
}

export async function prefetch(
  io: Io,
  client: CloudClient,
  node: string,
  urls: readonly string[],
  o: { window?: string; maxMbps?: number },
): Promise<void> {
  const body = {
    urls,
    ...(o.window === undefined ? {} : { window: o.window }),
    ...(o.maxMbps === undefined ? {} : { maxMbps: o.maxMbps }),
  };
  const { payload } = await client.write<Answer>(`prefetch on node ${node}`, 'POST', pathOf(node, 'prefetch'), body);
  io.stdout.write(`${jsonText(payload, 2)}\n`);
}

interface Upload {
  id: string;
  state: string;
  message: string;
  fileName: string;
  sizeBytes: number;
}

/** Asks for the bundle, waits for it, writes it to the file. */
export async function supportBundle(
  io: Io,
  client: CloudClient,
  node: string,
  o: { output?: string; since?: string; timeoutMs: number },
): Promise<void> {
  const body = o.since === undefined ? {} : { since: o.since };
  let upload = await client.write<Upload>(
    `ask ${node} for a support bundle`,
    'POST',
    pathOf(node, 'support-bundle'),
    body,
  );
  const path = pathOf(node, `uploads/${upload.id}`);
  const endMs = io.clock.monotonicMs() + o.timeoutMs;
  while (upload.state === 'Running' || upload.state === 'NotStarted') {
    if (io.clock.monotonicMs() > endMs) throw bundleFailed(node, `it has not come within ${o.timeoutMs} ms`);
    await io.clock.sleep(POLL_MS);
    upload = await client.read<Upload>(`read the support bundle of ${node}`, path);
  }
  if (upload.state !== 'Completed') throw bundleFailed(node, `${upload.state}: ${upload.message}`);
  const file = o.output ?? `support_bundle_${node}_${upload.id.slice(0, 8)}.zip`;
  await client.download(`download the support bundle of ${node}`, `${path}/file`, file);
  io.stdout.write(`Support bundle of ${node}: ${file} (${upload.sizeBytes} bytes)\n`);
}

function bundleFailed(node: string, why: string): EdgeError {
  return new EdgeError(
    'CLI_CLOUD_REFUSED' satisfies ErrorCode,
    plainLine(`Cannot get the support bundle of ${node}: ${why}`),
    {
      source: 'upstream',
    },
  );
}

interface Rate {
  averageMbps: number;
  maxMbps: number;
  maxAtUtc: string | null;
}

export interface MetricsAnswer {
  range: string;
  cacheEfficiency: number | null;
  out: Rate;
  in: Rate;
  miss: Rate;
  nodes?: { total: number; healthy: number; unhealthy: number };
}

/** `node` undefined = all nodes together. */
export async function metrics(
  io: Io,
  client: CloudClient,
  node: string | undefined,
  o: { range: string; json?: boolean },
): Promise<void> {
  const path = node === undefined ? 'metrics' : pathOf(node, 'metrics');
  const answer = await client.read<MetricsAnswer>('read the metrics', path, { range: o.range });
  io.stdout.write(o.json ? `${jsonText(answer)}\n` : metricsText(answer));
}

/** The tiles of the overview; pure. */
export function metricsText({ range, cacheEfficiency, nodes, ...rates }: MetricsAnswer): string {
  const row = (name: string, rate: Rate) => [
    name,
    String(rate.averageMbps),
    String(rate.maxMbps),
    rate.maxAtUtc ?? '-',
  ];
  const efficiency = cacheEfficiency === null ? '-' : `${(cacheEfficiency * 100).toFixed(1)} %`;
  const counts = nodes ? `nodes: ${nodes.healthy} healthy, ${nodes.unhealthy} unhealthy, ${nodes.total} in all\n` : '';
  const table = alignedTable([
    ['MBIT/S', 'AVERAGE', 'MAX', 'AT'],
    row('out', rates.out),
    row('in', rates.in),
    row('not cached', rates.miss),
  ]);
  return `${counts}cache efficiency of ${range}: ${efficiency}\n${table}`;
}
