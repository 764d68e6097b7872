// The command line itself: commands, options and their texts, and which function each one calls. Knows no process.

import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { EdgeError, parseDuration, parseTimeArgument } from '@wayside/kit';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { CheckSettings } from './check/context.ts';
import type { CheckOptions } from './check/run-check.ts';
import { CHECK_IDS, checkList, runCheck } from './check/run-check.ts';
import { addCloudCommands } from './cloud-program.ts';
import { type NodePlaces, nodePlaces, type Settings, VERSION } from './config.ts';
import { ManagementClient } from './daemon/management-client.ts';
import type { ErrorCode } from './errors.ts';
import type { Io } from './io.ts';
import { list } from './node/list.ts';
import { logs } from './node/logs.ts';
import { restart } from './node/restart.ts';
import { supportBundle } from './node/support-bundle.ts';

/** What a command needs besides its own arguments. */
export interface Shell {
  io: Io;
  settings: Settings;
  /** Taken from the global options when a command runs. */
  places(): NodePlaces;
  colours: boolean;
  setExitCode(code: number): void;
}

const HELP_COLUMNS = 110;
const INSTANCE_FORM = /^[a-z0-9-]{0,32}$/;
const HOST_FORM = /^unix:\/\/\/.+|^http:\/\/[^/]+/;

/** The whole command line; `parseAsync` runs it. */
export function createProgram(io: Io, settings: Settings, setExitCode: (code: number) => void): Command {
  const program = new Command(settings.program);
  const shell: Shell = {
    io,
    settings,
    setExitCode,
    colours: io.stdout.isTTY === true && settings.noColor === '',
    places: () => {
      const { instance, host } = program.opts<{ instance: string; host?: string }>();
      if (!INSTANCE_FORM.test(instance))
        throw badOption('instance', instance, 'lower case letters, digits and hyphens, 32 at most');
      if (host !== undefined && !HOST_FORM.test(host))
        throw badOption('host', host, 'unix:///path/to/mgmt.sock or http://host:port');
      return nodePlaces(instance, host ?? settings.host);
    },
  };
  program
    .description('Runs, checks and watches cache nodes: this node through its daemon, all nodes through the cloud')
    .option(
      '-H, --host <url>',
      'management endpoint of the node daemon (env IOTEDGE_HOST; default: the socket of the instance)',
    )
    .option('--instance <name>', 'which of several nodes on this machine (env WAYSIDE_INSTANCE)', settings.instance)
    .version(`${settings.program} ${VERSION}`, '--version', 'print the version')
    .helpOption('--help', 'print this help')
    .exitOverride()
    .configureHelp({ helpWidth: HELP_COLUMNS, showGlobalOptions: false })
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
      getOutHelpWidth: () => HELP_COLUMNS,
      getErrHelpWidth: () => HELP_COLUMNS,
    });
  addNodeCommands(program, shell);
  addCheckCommands(program, shell);
  addCloudCommands(program, shell);
  return program;
}

export function badOption(name: string, value: string, wanted: string): EdgeError {
  return new EdgeError('CLI_OPTION_INVALID' satisfies ErrorCode, `Cannot read ${name} "${value}": wanted ${wanted}`, {
    details: { name, value },
    source: 'config',
  });
}

/** Value parser of a count: a whole number of at least `min`. */
export function wholeNumber(min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max)
      throw new InvalidArgumentError(`wanted a whole number from ${min} to ${max}`);
    return value;
  };
}

export function tailOption(text: string): number | 'all' {
  return text === 'all' ? 'all' : wholeNumber(0)(text);
}

/** Value parser of a duration, such as `90s`; milliseconds. */
export function durationOption(text: string): number {
  try {
    return parseDuration(text);
  } catch {
    throw new InvalidArgumentError('wanted a duration such as 90s, "2 minutes" or 1h');
  }
}

/** Value of a time option: RFC 3339, UNIX seconds or a duration ago. */
export function timeOption(io: Io): (text: string) => Date {
  return (text) => {
    try {
      return parseTimeArgument(text, io.clock.nowMs());
    } catch {
      throw new InvalidArgumentError('wanted RFC 3339, UNIX seconds or a duration such as "1 day" or 90m');
    }
  };
}

export const DAY_MS = 86_400_000;

function addNodeCommands(program: Command, shell: Shell): void {
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

function addCheckCommands(program: Command, shell: Shell): void {
  program
    .command('check')
    .description('check this node for common problems of configuration, connectivity and content')
    .option('--config-file <file>', "the node's configuration (default: config.toml of the instance)")
    .option('--container-engine-config-file <file>', 'configuration of the container engine', '/etc/docker/daemon.json')
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
