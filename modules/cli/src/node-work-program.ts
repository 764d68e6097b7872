// The commands that work on a node through the cloud: keys, modules, content, support bundle, migration package, metrics.

import type { Command } from 'commander';
import type { CloudClient } from './cloud/cloud-client.ts';
import { replaceServer, revokeProvisioning, rotateCustomerKey } from './cloud/node-keys.ts';
import { type ExportOptions, exportNodes, importNodes } from './cloud/node-package.ts';
import { metrics, type PurgeOptions, prefetch, purge, restartModule, supportBundle } from './cloud/node-work.ts';
import { updateNode } from './cloud/updates.ts';
import { durationOption, oneOf, wholeNumber } from './option-values.ts';
import type { Shell } from './shell.ts';

const RANGES = ['1h', '12h', '1d', '7d', '14d', '30d'];
const BUNDLE_TIMEOUT_MS_DEFAULT = 300_000;
const CACHE_MODULE = 'MCC';

type Connect = () => Promise<CloudClient>;

/** `node` = the command of cache nodes, `program` = that above it. */
export function addNodeWorkCommands(program: Command, node: Command, shell: Shell, connect: Connect): void {
  addKeyCommands(node, shell, connect);
  addContentCommands(node, shell, connect);
  addPackageCommands(node, shell, connect);
  const { io } = shell;
  node
    .command('support-bundle <name>')
    .description('have the node send logs and configuration, without keys, and download them')
    .option('-o, --output <file>', 'file to write')
    .option('--since <time>', 'logs from then on: RFC 3339, UNIX seconds or a duration such as 2h')
    .option('--timeout <duration>', 'how long to wait (default: 5m)', durationOption, BUNDLE_TIMEOUT_MS_DEFAULT)
    .action(async (name: string, o: { output?: string; since?: string; timeout: number }) =>
      supportBundle(io, await connect(), name, { ...o, timeoutMs: o.timeout }),
    );
  node
    .command('update <name>')
    .description('show which version of the modules the node runs, which waits and what became of earlier ones')
    .option('--now', 'hand out the version that waits or failed at once', false)
    .option('--json', 'as JSON')
    .action(async (name: string, o: { now: boolean; json?: boolean }) => updateNode(io, await connect(), name, o));
  program
    .command('metrics [node]')
    .description('average and highest traffic and cache efficiency of a node, or of all together')
    .option('--range <range>', `${RANGES.join(', ')} (default: 1d)`, oneOf('range', RANGES), '1d')
    .option('--json', 'as JSON, with the course')
    .action(async (name: string | undefined, o: { range: string; json?: boolean }) =>
      metrics(io, await connect(), name, o),
    );
}

function addKeyCommands(node: Command, { io }: Shell, connect: Connect): void {
  node
    .command('replace <name>')
    .description(
      'another server takes the place of this node: revokes the keys of the old one, prints the command for the new',
    )
    .action(async (name: string) => replaceServer(io, await connect(), name));
  node
    .command('rotate-key <name>')
    .description('make a new customer key; the cache gets it with a deployment')
    .action(async (name: string) => rotateCustomerKey(io, await connect(), name));
  node
    .command('revoke <name>')
    .description('make the provisioning command that was printed last worthless')
    .action(async (name: string) => revokeProvisioning(io, await connect(), name));
}

function addContentCommands(node: Command, { io }: Shell, connect: Connect): void {
  const collect = (text: string, before: string[] = []): string[] => [...before, text];
  node
    .command('restart <name> [module]')
    .description(`restart a module of the node (default: ${CACHE_MODULE})`)
    .action(async (name: string, module?: string) => restartModule(io, await connect(), name, module ?? CACHE_MODULE));
  node
    .command('purge <name>')
    .description('remove content from the cache; prints the receipt')
    .option('--url <url>', 'this object; once for each', collect)
    .option('--prefix <url>', 'all objects whose URL begins so', collect)
    .option('--content-host <host>', 'all objects of the host; once for each', collect)
    .option('--tag <tag>', 'all objects with the Cache-Tag', collect)
    .option('--all', 'everything')
    .action(async (name: string, o: PurgeOptions) => purge(io, await connect(), name, o));
  node
    .command('prefetch <name> <urls...>')
    .description('fetch content before clients ask for it')
    .option('--window <times>', 'only within, in UTC, such as 01:00-05:00')
    .option('--max-mbps <Mbps>', 'at most so fast', wholeNumber(1))
    .action(async (name: string, urls: string[], o: { window?: string; maxMbps?: number }) =>
      prefetch(io, await connect(), name, urls, o),
    );
}

function addPackageCommands(node: Command, shell: Shell, connect: Connect): void {
  const { io } = shell;
  node
    .command('export [names...]')
    .description('write a migration package of these nodes (default: all): ids, keys, fields, own deployments')
    .requiredOption('-o, --output <file>', 'file to write; it must not be there yet')
    .option('--customer <id>', 'all nodes of this account')
    .action(async (names: string[], o: ExportOptions) => exportNodes(io, await connect(), names, o));
  node
    .command('import <file>')
    .description('take in the nodes of a migration package')
    .option('--replace', 'nodes that are here already take the fields of the package', false)
    .action(async (file: string, o: { replace: boolean }) =>
      shell.setExitCode(await importNodes(io, await connect(), file, o)),
    );
}
