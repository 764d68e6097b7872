// The commands about the node this machine is: their options and texts.

import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { type Command, Option } from 'commander';
import type { CheckSettings } from './check/context.ts';
import { CHECK_IDS, type CheckOptions, checkList, runCheck } from './check/run-check.ts';
import { VERSION } from './config.ts';
import { ManagementClient } from './daemon/management-client.ts';
import { list } from './node/list.ts';
import { logs } from './node/logs.ts';
import { restart } from './node/restart.ts';
import { supportBundle } from './node/support-bundle.ts';
import { badOption, DAY_MS, timeOption } from './option-values.ts';
import type { Shell } from './shell.ts';

export function addNodeCommands(program: Command, shell: Shell): void {
  const { io } = shell;
  const client = (): ManagementClient => new ManagementClient(shell.places().managementUrl);
  program
    .command('list')
    .description('list the modules of this node')
    .action(() => list(io, client()));
  program
    .command('restart <module>')
    .description('restart a module of this node')
    .action((module: string) => restart(io, client(), module));
  program
    .command('version')
    .description('print the version')
    .action(() => {
      io.stdout.write(`${shell.settings.program} ${VERSION}\n`);
    });
  program
    .command('support-bundle')
    .description('collect logs, inspections and check results of this node in a zip')
    .option('-o, --output <file>', 'where to write it, - for stdout (default: support_bundle_<time>_UTC.zip)')
    .option(
      '--since <time>',
      'logs from then on: RFC 3339, UNIX seconds or a duration (default: 1 day)',
      timeOption(io),
    )
    .option('--until <time>', 'logs up to then', timeOption(io))
    .option('-e, --include-edge-runtime-only', 'only edgeAgent, edgeHub and the daemon', false)
    .option('--iothub-hostname <name>', 'host name of the cloud, for the checks')
    .option('-q, --quiet', 'say nothing', false)
    .action(async (o: BundleArguments) => {
      const options = {
        ...o,
        edgeRuntimeOnly: o.includeEdgeRuntimeOnly,
        since: o.since ?? new Date(io.clock.nowMs() - DAY_MS),
      };
      await supportBundle(io, client(), options, () => checkReport(shell, o.iothubHostname));
    });
}

interface BundleArguments {
  output?: string;
  since?: Date;
  until?: Date;
  includeEdgeRuntimeOnly: boolean;
  iothubHostname?: string;
  quiet: boolean;
}

/** JSON report of all checks, for a bundle. */
async function checkReport(shell: Shell, iothubHostname: string | undefined): Promise<string> {
  const stdout = new PassThrough();
  const report = text(stdout);
  const options: CheckOptions = {
    output: 'json',
    verbose: false,
    colours: false,
    warningsAsErrors: false,
    dontRun: new Set(),
  };
  await runCheck({ ...shell.io, stdout }, checkSettings(shell, { iothubHostname }), options);
  stdout.end();
  return report;
}

/** `logs`: one argument = this node, two = a node through the cloud. */
export interface LogsArguments {
  tail: number | 'all';
  since?: Date;
  until?: Date;
  follow: boolean;
}

export async function nodeLogs(shell: Shell, module: string, o: LogsArguments): Promise<void> {
  const since = o.since ?? new Date(shell.io.clock.nowMs() - DAY_MS);
  await logs(shell.io, new ManagementClient(shell.places().managementUrl), module, { ...o, since });
}

interface CheckArguments {
  configFile?: string;
  containerEngineConfigFile: string;
  diagnosticsImageName?: string;
  dontRun: string[];
  expectedAziotEdgedVersion?: string;
  iothubHostname?: string;
  ntpServer?: string;
  proxyUri?: string;
  output: 'text' | 'json';
  verbose: boolean;
  warningsAsErrors: boolean;
}

export function addCheckCommands(program: Command, shell: Shell): void {
  program
    .command('check')
    .description('check this node for common problems of configuration, connectivity and content')
    .option('--config-file <file>', "the node's configuration (default: config.toml of the instance)")
    .option(
      '--container-engine-config-file <file>',
      'configuration of the container engine (default: /etc/docker/daemon.json)',
      '/etc/docker/daemon.json',
    )
    .option(
      '--diagnostics-image-name <image>',
      "image of the container that checks from inside (default: the daemon's)",
    )
    .option('--dont-run <id...>', 'checks to leave out; see check-list', [])
    .option(
      '--expected-aziot-edged-version <version>',
      'version the daemon should have (default: that of this command)',
    )
    .option('--iothub-hostname <name>', 'host name of the cloud (default: as the node was provisioned)')
    .option('--ntp-server <host:port>', 'SNTP server to compare the clock with (default: the clock of the cloud)')
    .option('--proxy-uri <url>', 'proxy for the checks from the host (default: that of config.toml)')
    .addOption(new Option('-o, --output <format>', 'form of the report').choices(['text', 'json']).default('text'))
    .option('--verbose', 'print causes and skipped checks', false)
    .option('--warnings-as-errors', 'exit with 1 on warnings too', false)
    .action(async (o: CheckArguments) => {
      const unknown = o.dontRun.filter((id) => !CHECK_IDS.has(id));
      if (unknown.length > 0) throw badOption('dont-run', unknown.join(', '), 'ids of check-list');
      const options: CheckOptions = {
        ...o,
        colours: shell.colours && o.output === 'text',
        dontRun: new Set(o.dontRun),
      };
      shell.setExitCode(await runCheck(shell.io, checkSettings(shell, o), options));
    });
  program
    .command('check-list')
    .description('list the checks')
    .action(() => checkList(shell.io));
}

function checkSettings(shell: Shell, o: Partial<CheckArguments>): CheckSettings {
  const places = shell.places();
  return {
    places,
    clock: shell.io.clock,
    version: VERSION,
    configFile: o.configFile ?? places.configFile,
    dockerHost: shell.settings.dockerHost,
    containerEngineConfigFile: o.containerEngineConfigFile ?? '/etc/docker/daemon.json',
    diagnosticsImage: o.diagnosticsImageName,
    expectedVersion: o.expectedAziotEdgedVersion,
    iothubHostname: o.iothubHostname,
    ntpServer: o.ntpServer,
    proxyUri: o.proxyUri,
  };
}
