// The commands that talk to the cloud: their options and texts.

import type { Command } from 'commander';
import { parseNeighbor } from './cloud/bgp-fields.ts';
import { CloudClient } from './cloud/cloud-client.ts';
import { deploy } from './cloud/deploy.ts';
import { type LoginOptions, login } from './cloud/login.ts';
import { messages, timeline } from './cloud/messages.ts';
import { cloudLogs, method } from './cloud/method.ts';
import {
  createNode,
  deleteNode,
  listNodes,
  type NodeOptions,
  parseDrive,
  provisionNode,
  setNode,
  showNode,
} from './cloud/nodes.ts';
import { forgetSession, loadSession } from './cloud/session.ts';
import { sessionFile } from './config.ts';
import { addFleetCommands } from './deployment-program.ts';
import { monitor } from './monitor/monitor.ts';
import { unixSecs } from './node/logs.ts';
import { type LogsArguments, nodeLogs } from './node-program.ts';
import { addNodeWorkCommands } from './node-work-program.ts';
import { badOption, DAY_MS, durationOption, oneOf, tailOption, timeOption, wholeNumber } from './option-values.ts';
import { addPeopleCommands } from './people-program.ts';
import { addRoutingCommands } from './routing-program.ts';
import type { Shell } from './shell.ts';
import { jsonText } from './terminal-text.ts';
import { withUpdateRing } from './update-ring-options.ts';

const PORT_MAX = 65_535;
const MESSAGES_LIMIT_DEFAULT = 100;
const METHOD_TIMEOUT_SECS_MIN = 5;
const METHOD_TIMEOUT_SECS_MAX = 300;
const METHOD_TIMEOUT_SECS_DEFAULT = 30;
const DEPLOY_TIMEOUT_MS_DEFAULT = 300_000;
const MONITOR_INTERVAL_MS_DEFAULT = 2_000;
const MONITOR_INTERVAL_MS_MIN = 200;

/** `--json` where a command has it. */
interface JsonOption {
  json?: boolean;
}

export function addCloudCommands(program: Command, shell: Shell): void {
  addSessionCommands(program, shell);
  addNodeCommands(program, shell);
  addDeploymentCommands(program, shell);
  addReadCommands(program, shell);
  addFleetCommands(program, shell, () => connect(shell));
  addRoutingCommands(program, shell, () => connect(shell));
  addPeopleCommands(program, shell, () => connect(shell));
}

async function connect(shell: Shell): Promise<CloudClient> {
  return new CloudClient(await loadSession(sessionFile(shell.settings), shell.io.clock.nowMs()));
}

function addSessionCommands(program: Command, shell: Shell): void {
  const { io } = shell;
  program
    .command('login <url>')
    .description('log in at a cloud; the session is kept for this user')
    .option('--user <name>', 'user name (default: admin)', 'admin')
    .option('--password-file <file>', 'file whose first line is the password (default: asked for)')
    .option('--ca <file>', "PEM of the cloud's CA (default: the CAs of this machine)")
    .option('--pin <sha256//...>', 'public key of the server, as in the provisioning command, instead of --ca')
    .action(async (url: string, o: Omit<LoginOptions, 'url'>) => {
      if (o.ca !== undefined && o.pin !== undefined) throw badOption('ca and pin', o.pin, 'one of them');
      await login(io, sessionFile(shell.settings), { url, ...o });
    });
  program
    .command('logout')
    .description('forget the session')
    .action(() => forgetSession(sessionFile(shell.settings)));
  program
    .command('connection-string [name]')
    .description('print the connection strings of the cloud, or one: iothubowner, service, registryRead, ...')
    .action(async (name?: string) => {
      const strings = await (await connect(shell)).connectionStrings();
      if (name !== undefined && strings[name] === undefined)
        throw badOption('name', name, Object.keys(strings).join(', '));
      io.stdout.write(
        name === undefined
          ? Object.entries(strings)
              .map(([key, value]) => `${key}: ${value}\n`)
              .join('')
          : `${strings[name]}\n`,
      );
    });
}

function addNodeCommands(program: Command, shell: Shell): void {
  const { io } = shell;
  const node = program.command('node').description('cache nodes of the cloud').helpOption('--help', 'print this help');
  const collect =
    <T>(parse: (text: string) => T) =>
    (text: string, before: T[] = []): T[] => [...before, parse(text)];
  const withFields = (command: Command): Command =>
    withUpdateRing(
      command
        .option('--http-port <port>', 'port at which clients reach the content (default: 80)', wholeNumber(1, PORT_MAX))
        .option('--summary-port <port>', 'port of the figures on 127.0.0.1 (default: 5001)', wholeNumber(1, PORT_MAX))
        .option('--egress <Mbps>', 'most the node may send to clients, Mbit/s (default: 1000)', wholeNumber(1))
        .option('--drive <path,GB>', 'cache drive and its size; once for each', collect(parseDrive))
        .option('--cidr <prefix>', 'clients that are sent to this node; once for each', collect(String))
        .option('--prefix-source <source>', 'manual (--cidr) or bgp')
        .option('--asn <number>', 'AS of its clients (default: that of the account)', wholeNumber(1))
        .option('--proxy <host:port>', "HTTP proxy without authentication, '' = none")
        .option('--proxy-ca <file>', 'file on the server with the CA of that proxy')
        .option(
          '--bgp-neighbor <address,ASN>',
          'router that announces the clients; once for each',
          collect(parseNeighbor),
        )
        .option('--bgp-asn <number>', 'ASN of the node (default: that of the neighbours)', wholeNumber(1))
        .option('--bgp-router-id <address>', 'IPv4 address (default: that of the server)')
        .option('--bgp-password-file <file>', 'TCP MD5 password of all neighbours of this call, its first line')
        .option(
          '--bgp-network <network>',
          'host, or bridge without passwords',
          oneOf('bgp-network', ['host', 'bridge']),
        ),
      ['fast', 'slow', 'account'],
    );

  withFields(
    node
      .command('create <name>')
      .description('create a cache node')
      .requiredOption('--ip <address>', 'IPv4 address at which clients reach it'),
  )
    .option('--customer <id>', 'account of the node (default: the first)')
    .option('--json', 'print the node as JSON')
    .action(async (name: string, o: NodeOptions & JsonOption) => createNode(io, await connect(shell), name, o));
  withFields(
    node
      .command('set <name>')
      .description('change fields of a node')
      .option('--ip <address>', 'IPv4 address at which clients reach it'),
  )
    .option('--enabled', 'send clients to it')
    .option('--no-enabled', 'send no clients to it')
    .option('--drain', 'send no new clients to it, and let it refuse the old ones')
    .option('--no-drain', 'end the draining')
    .action(async (name: string, o: NodeOptions) => setNode(io, await connect(shell), name, o));
  node
    .command('list')
    .description('list the nodes with their states')
    .option('--json', 'as JSON')
    .action(async (o: JsonOption) => listNodes(io, await connect(shell), o));
  node
    .command('show <name>')
    .description('show a node')
    .option('--json', 'as JSON')
    .action(async (name: string, o: JsonOption) => showNode(io, await connect(shell), name, o));
  node
    .command('delete <name>')
    .description('delete a node; this cannot be undone')
    .action(async (name: string) => deleteNode(io, await connect(shell), name));
  node
    .command('provision <name>')
    .description('print the command that makes a server this node; it carries a key that works once')
    .option('--json', 'with its parts, as JSON')
    .action(async (name: string, o: JsonOption) => provisionNode(io, await connect(shell), name, o));
  addNodeWorkCommands(program, node, shell, () => connect(shell));
}

function addDeploymentCommands(program: Command, shell: Shell): void {
  const { io } = shell;
  program
    .command('deploy <node> <manifest>')
    .description('deploy a manifest to a node; a manifest with problems changes nothing')
    .option('--wait', 'stay until the node runs it', false)
    .option('--timeout <duration>', 'how long --wait stays (default: 5m)', durationOption, DEPLOY_TIMEOUT_MS_DEFAULT)
    .option('--dry-run', 'only look for problems, here', false)
    .action(async (name: string, file: string, o: { wait: boolean; timeout: number; dryRun: boolean }) => {
      const client = o.dryRun ? undefined : await connect(shell);
      await deploy(io, client, name, file, { wait: o.wait, dryRun: o.dryRun, timeoutMs: o.timeout });
    });
  program
    .command('manifest <node>')
    .description("print the manifest that follows from a node's fields, or what is deployed now")
    .option('--deployed', 'what is deployed now', false)
    .action(async (name: string, o: { deployed: boolean }) => {
      const client = await connect(shell);
      io.stdout.write(`${jsonText(await (o.deployed ? client.deployment(name) : client.manifest(name)), 2)}\n`);
    });
  program
    .command('method <node[/module]> <name> [payload]')
    .description('call a direct method; payload and answer are JSON')
    .option(
      '--response-timeout <seconds>',
      'wait for the answer (default: 30)',
      wholeNumber(METHOD_TIMEOUT_SECS_MIN, METHOD_TIMEOUT_SECS_MAX),
      METHOD_TIMEOUT_SECS_DEFAULT,
    )
    .option(
      '--connect-timeout <seconds>',
      'wait for a node that is not connected (default: 0)',
      wholeNumber(0, METHOD_TIMEOUT_SECS_MAX),
      0,
    )
    .action(
      async (
        target: string,
        name: string,
        payload: string | undefined,
        o: { responseTimeout: number; connectTimeout: number },
      ) => {
        const options = { responseTimeoutSecs: o.responseTimeout, connectTimeoutSecs: o.connectTimeout };
        shell.setExitCode(await method(io, await connect(shell), target, name, payload, options));
      },
    );
}

interface ReadArguments extends JsonOption {
  module?: string;
  since?: Date;
  after?: number;
  limit: number;
  follow: boolean;
}

function addReadCommands(program: Command, shell: Shell): void {
  const { io } = shell;
  program
    .command('monitor <node>')
    .description('watch the health of a node and its modules, its traffic and its drives')
    .option('--json', 'a line of JSON instead of each picture', false)
    .option('--once', 'one picture only', false)
    .option(
      '--interval <duration>',
      'time between two pictures (default: 2s)',
      durationOption,
      MONITOR_INTERVAL_MS_DEFAULT,
    )
    .action(async (name: string, o: { json: boolean; once: boolean; interval: number }) => {
      if (o.interval < MONITOR_INTERVAL_MS_MIN)
        throw badOption('interval', `${o.interval} ms`, `at least ${MONITOR_INTERVAL_MS_MIN} ms`);
      await monitor(io, await connect(shell), name, { ...o, intervalMs: o.interval, colours: shell.colours });
    });
  program
    .command('logs <node-or-module> [module]')
    .description('print the log of a module: `logs MODULE` of this node, `logs NODE MODULE` through the cloud')
    .option('--tail <lines>', 'last lines only (default: all)', tailOption, 'all')
    .option('--since <time>', 'from then on: RFC 3339, UNIX seconds or a duration (default: 1 day)', timeOption(io))
    .option('--until <time>', 'up to then (this node only)', timeOption(io))
    .option('-f, --follow', 'go on with what comes (this node only)', false)
    .action(async (first: string, module: string | undefined, o: LogsArguments) => {
      if (module === undefined) return nodeLogs(shell, first, o);
      if (o.follow || o.until !== undefined)
        throw badOption('follow or until', `${first} ${module}`, 'a module of this node: logs MODULE');
      const since = o.since ?? new Date(io.clock.nowMs() - DAY_MS);
      return cloudLogs(io, await connect(shell), first, module, { tail: o.tail, since: String(unixSecs(since)) });
    });
  const readOptions = (command: Command): Command =>
    command
      .option('--after <seq>', 'only what came after this number', wholeNumber(0))
      .option('--limit <count>', 'at most so many (default: the newest 100)', wholeNumber(1), MESSAGES_LIMIT_DEFAULT)
      .option('-f, --follow', 'go on with what comes', false)
      .option('--json', 'a line of JSON each', false);
  readOptions(
    program
      .command('messages <node>')
      .description('print the messages that modules of a node sent to the cloud')
      .option('--module <name>', 'of this module only')
      .option('--since <time>', 'from then on: RFC 3339, UNIX seconds or a duration', timeOption(io)),
  ).action(async (name: string, o: ReadArguments) =>
    messages(io, await connect(shell), name, { ...o, json: o.json === true }),
  );
  readOptions(program.command('timeline <node>').description('print what happened to a node')).action(
    async (name: string, o: ReadArguments) => timeline(io, await connect(shell), name, { ...o, json: o.json === true }),
  );
}
