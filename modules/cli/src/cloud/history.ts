// `history NODE [SEQ]` and `rollback NODE SEQ`: what a node had in effect before, and the way back.

import type { Io } from '../io.ts';
import { alignedTable } from '../table/aligned-table.ts';
import { jsonText, plainLine } from '../terminal-text.ts';
import type { CloudClient } from './cloud-client.ts';
import { changeLines, type DeploymentView, type ModuleChange, viewText } from './deployment-changes.ts';

export interface PastDeployment extends DeploymentView {
  seq: number;
  atUtc: string;
  by: string;
  origin: string;
  desiredVersion: number;
  modules: string[];
  isCurrent: boolean;
}

export async function showHistory(
  io: Io,
  client: CloudClient,
  node: string,
  seq: number | undefined,
  options: { json?: boolean },
): Promise<void> {
  const path = `nodes/${encodeURIComponent(node)}/deployments`;
  if (seq !== undefined) {
    const past = await client.read<PastDeployment & { changes: ModuleChange[]; modulesContent: unknown }>(
      `read deployment ${seq} of node ${node}`,
      `${path}/${seq}`,
    );
    const { changes, modulesContent } = past;
    const lines = [pastText(past), ...changeLines(changes)].map(plainLine).join('\n');
    io.stdout.write(options.json ? `${jsonText({ modulesContent })}\n` : `${lines}\n`);
    return;
  }
  const { deployments } = await client.read<{ deployments: PastDeployment[] }>(
    `read the history of node ${node}`,
    path,
  );
  io.stdout.write(options.json ? `${jsonText(deployments)}\n` : historyTable(deployments));
}

/** Newest first; pure. */
export function historyTable(deployments: readonly PastDeployment[]): string {
  return alignedTable([
    ['SEQ', 'TIME', 'BY', 'FROM', 'VERSION', 'MODULES'],
    ...deployments.map((past) => [
      ...[`${past.seq}${past.isCurrent ? ' *' : ''}`, past.atUtc, past.by || 'the cloud', originText(past)],
      ...[String(past.desiredVersion), past.modules.join(', ')],
    ]),
  ]);
}

export async function rollback(io: Io, client: CloudClient, node: string, seq: number): Promise<void> {
  const path = `nodes/${encodeURIComponent(node)}/deployments/${seq}/restore`;
  const answer = await client.write<{ desiredVersion: number; modules: string[] }>(
    `restore deployment ${seq} of node ${node}`,
    'POST',
    path,
    undefined,
  );
  const modules = plainLine(answer.modules.join(', '));
  io.stdout.write(
    `Restored deployment ${seq} of ${node}: desired version ${answer.desiredVersion}, modules ${modules}\n`,
  );
}

function originText({ origin, base, layers }: PastDeployment): string {
  if (origin === 'configuration') return viewText({ base, layers });
  const words: { [origin: string]: string } = { fields: 'its fields', device: 'deployed to it', restore: 'restored' };
  return [words[origin] ?? origin, ...layers].join(' + ');
}

function pastText(past: PastDeployment): string {
  return `Deployment ${past.seq} at ${past.atUtc} by ${past.by || 'the cloud'}, from ${originText(past)}: version ${past.desiredVersion}`;
}
