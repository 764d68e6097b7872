// The command line itself: its global options and its three groups of commands. Knows no process.

import { Command } from 'commander';
import { addCloudCommands } from './cloud-program.ts';
import { nodePlaces, type Settings, VERSION } from './config.ts';
import type { Io } from './io.ts';
import { addCheckCommands, addNodeCommands } from './node-program.ts';
import { badOption } from './option-values.ts';
import type { Shell } from './shell.ts';

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
    .configureHelp({
      helpWidth: HELP_COLUMNS,
      // Defaults stand in the descriptions, in the words of their units.
      optionDescription: (option) =>
        option.argChoices === undefined ? option.description : `${option.description}: ${option.argChoices.join(', ')}`,
    })
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
