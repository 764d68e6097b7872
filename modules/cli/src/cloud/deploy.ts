// `deploy NODE MANIFEST`: hands a manifest to the cloud, prints every problem it has, and with --wait stays until the node runs it.

import { readFile, stat } from 'node:fs/promises';
import { type Clock, EdgeError } from '@wayside/kit';
import { checkManifest, type NodeMonitor, type Problem, readEnvelope } from '@wayside/protocol';
import type { ErrorCode } from '../errors.ts';
import type { Io } from '../io.ts';
import { plainLine } from '../terminal-text.ts';
import { type CloudClient, CloudError } from './cloud-client.ts';

/** The twin that a manifest becomes is 32 KB at most a module; a file far larger is some other file. */
const MANIFEST_BYTES_MAX = 4 * 1024 * 1024;
const POLL_INTERVAL_MS = 1_000;

export interface DeployOptions {
  wait: boolean;
  timeoutMs: number;
  /** Judge the manifest here and change nothing. */
  dryRun: boolean;
}

export async function deploy(
  io: Io,
  client: CloudClient | undefined,
  node: string,
  file: string,
  options: DeployOptions,
): Promise<void> {
  const manifest = await readManifest(file);
  if (options.dryRun || client === undefined) {
    const envelope = readEnvelope(manifest);
    refuse(io, file, 'problems' in envelope ? envelope.problems : checkManifest(envelope.modulesContent));
    io.stdout.write(`${file} has no problems; nothing was changed\n`);
    return;
  }
  let answer: { desiredVersion: number; modules: string[] };
  try {
    answer = await client.deploy(node, manifest);
  } catch (error) {
    if (error instanceof CloudError && error.problems.length > 0) refuse(io, file, error.problems);
    throw error;
  }
  io.stdout.write(
    `Deployed ${file} to ${node}: desired version ${answer.desiredVersion}, modules ${plainLine(answer.modules.join(', '))}\n`,
  );
  if (options.wait) await waitUntilRunning(io, client, node, answer.desiredVersion, options.timeoutMs);
}

async function readManifest(file: string): Promise<unknown> {
  try {
    const { size } = await stat(file);
    if (size > MANIFEST_BYTES_MAX) throw new RangeError(`${size} bytes, at most ${MANIFEST_BYTES_MAX} are read`);
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new EdgeError('CLI_MANIFEST_UNREADABLE' satisfies ErrorCode, `Cannot read the manifest ${file}`, {
      cause,
      details: { file },
      source: 'config',
    });
  }
}

/** Throws when there are problems, after naming each on stderr. */
function refuse(io: Io, file: string, problems: readonly Problem[]): void {
  if (problems.length === 0) return;
  for (const { path, message } of problems) io.stderr.write(`${plainLine(`${path}: ${message}`)}\n`);
  throw new EdgeError(
    'CLI_MANIFEST_REFUSED' satisfies ErrorCode,
    `Cannot deploy ${file}: ${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}, nothing was changed`,
    { details: { problems: problems.length }, source: 'config' },
  );
}

export type DeploymentProgress =
  | { state: 'done' }
  | { state: 'refused'; code: number; description: string }
  | { state: 'pending'; missing: string[] };

/** Codes with which an agent refuses a deployment for good (iotedge.md 2.5). */
const REFUSED_CODES = [400, 412, 417];

/** How far a node is with a desired version; `missing` names what is still to come. Pure. */
export function deploymentProgress(monitor: NodeMonitor, desiredVersion: number): DeploymentProgress {
  const { deployment, modules } = monitor;
  if (deployment.handledVersion < desiredVersion)
    return {
      state: 'pending',
      missing: [`node has handled version ${deployment.handledVersion}, wanted ${desiredVersion}`],
    };
  if (REFUSED_CODES.includes(deployment.code))
    return { state: 'refused', code: deployment.code, description: deployment.description };
  const missing = modules
    .filter((m) => m.desiredStatus !== null && m.runtimeStatus !== m.desiredStatus)
    .map(
      (m) =>
        `${m.name} is ${m.runtimeStatus}, wanted ${m.desiredStatus}${m.statusDescription === '' ? '' : ` (${m.statusDescription})`}`,
    );
  const leftOver = modules.filter((m) => m.desiredStatus === null).map((m) => `${m.name} is still there`);
  if (deployment.code !== 200) missing.unshift(`deployment status is ${deployment.code}: ${deployment.description}`);
  return missing.length + leftOver.length === 0
    ? { state: 'done' }
    : { state: 'pending', missing: [...missing, ...leftOver] };
}

async function waitUntilRunning(
  io: Io,
  client: CloudClient,
  node: string,
  desiredVersion: number,
  timeoutMs: number,
): Promise<void> {
  const clock: Clock = io.clock;
  const beganMs = clock.monotonicMs();
  let said = '';
  for (;;) {
    const progress = deploymentProgress(await client.monitor(node), desiredVersion);
    if (progress.state === 'done') {
      io.stdout.write(
        `${node} runs version ${desiredVersion} after ${((clock.monotonicMs() - beganMs) / 1000).toFixed(1)} s\n`,
      );
      return;
    }
    if (progress.state === 'refused')
      throw new EdgeError(
        'CLI_DEPLOYMENT_FAILED' satisfies ErrorCode,
        `Node ${node} refused version ${desiredVersion}: ${progress.code}, ${progress.description}`,
        { details: { node, desiredVersion, code: progress.code }, source: 'upstream' },
      );
    const text = progress.missing.join('; ');
    if (clock.monotonicMs() - beganMs >= timeoutMs)
      throw new EdgeError(
        'CLI_DEPLOYMENT_PENDING' satisfies ErrorCode,
        `Node ${node} does not run version ${desiredVersion} within ${timeoutMs / 1000} s: ${text}`,
        { details: { node, desiredVersion, timeoutMs, missing: progress.missing }, source: 'upstream' },
      );
    if (text !== said) io.stderr.write(`waiting: ${plainLine(text)}\n`);
    said = text;
    await clock.sleep(POLL_INTERVAL_MS, io.signal);
  }
}
