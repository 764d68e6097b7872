// The commands of deployments at scale and of a node's history: their options and texts.

import type { Command } from 'commander';
import type { CloudClient } from './cloud/cloud-client.ts';
import {
  createDeployment,
  type DeploymentOptions,
  deleteDeployment,
  dryRunDeployment,
  listFleetDeployments,
  setDeployment,
  showDeployment,
} from './cloud/deployments.ts';
import { rollback, showHistory } from './cloud/history.ts';
import { badOption, wholeNumber } from './option-values.ts';
import type { Shell } from './shell.ts';

interface JsonOption {
  json?: boolean;
}

export function addFleetCommands(program: Command, shell: Shell, connect: () => Promise<CloudClient>): void {
  addDeploymentCommands(program, shell, connect);
  addHistoryCommands(program, shell, connect);
}

function addDeploymentCommands(program: Command, { io }: Shell, connect: () => Promise<CloudClient>): void {
  const group = program
    .command('deployment')
    .description('deployments to all nodes that a condition holds for')
    .helpOption('--help', 'print this help');
  const withFields = (command: Command): Command =>
    command
      .option('--target <condition>', "which nodes: tags.site = 'oslo' AND deviceId != 'n1'; * = all (default: none)")
      .option('--priority <number>', 'the highest base wins, layers lie on lower ones (default: 0)', wholeNumber(0))
      .option('--label <name=value>', 'label; once for each', pairs('label'))
      .option('--metric <name=query>', 'custom metric; once for each, 5 at most', pairs('metric'))
      .option('--json', 'as JSON');
  withFields(
    group
      .command('create <id> <file>')
      .description('deploy a manifest, a layer, or settings of devices or modules; a new version is a new id'),
  ).action(async (id: string, file: string, o: DeploymentOptions) =>
    createDeployment(io, await connect(), id, file, o),
  );
  withFields(group.command('set <id>').description('change condition, priority, labels or metrics')).action(
    async (id: string, o: DeploymentOptions) => setDeployment(io, await connect(), id, o),
  );
  group
    .command('list')
    .description('list them with their progress')
    .option('--json', 'as JSON')
    .action(async (o: JsonOption) => listFleetDeployments(io, await connect(), o));
  group
    .command('show <id>')
    .description('print one with its progress')
    .option('--nodes', 'with the nodes it targets, and how far each is')
    .option('--content', 'what it deploys, as JSON')
    .option('--json', 'as JSON')
    .action(async (id: string, o: JsonOption & { nodes?: boolean; content?: boolean }) =>
      showDeployment(io, await connect(), id, o),
    );
  group
    .command('delete <id>')
    .description('delete one; its nodes get the next lower deployment, or keep what they have')
    .action(async (id: string) => deleteDeployment(io, await connect(), id));
  withFields(
    group
      .command('dry-run <id> [file]')
      .description(
        'which nodes would change, and how, if it were created, changed (without file) or deleted (--remove)',
      )
      .option('--remove', 'if it were deleted'),
  ).action(async (id: string, file: string | undefined, o: DeploymentOptions & { remove?: boolean }) =>
    dryRunDeployment(io, await connect(), id, file, o),
  );
}

function addHistoryCommands(program: Command, { io }: Shell, connect: () => Promise<CloudClient>): void {
  program
    .command('history <node> [seq]')
    .description('every deployment that a node had in effect, or one of them with what it changed')
    .option('--json', 'as JSON; of one: its content, as deploy takes it')
    .action(async (node: string, seq: string | undefined, o: JsonOption) =>
      showHistory(io, await connect(), node, seq === undefined ? undefined : wholeNumber(1)(seq), o),
    );
  program
    .command('rollback <node> <seq>')
    .description('deploy an earlier content to a node again')
    .action(async (node: string, seq: string) => rollback(io, await connect(), node, wholeNumber(1)(seq)));
}

/** `name=value`, once for each. */
function pairs(option: string): (text: string, before?: [string, string][]) => [string, string][] {
  return (text, before = []) => {
    const at = text.indexOf('=');
    if (at < 1) throw badOption(option, text, 'name=value');
    return [...before, [text.slice(0, at), text.slice(at + 1)]];
  };
}
