// Settings of the simulator: options of the command line first, then the environment, checked against config.schema.json.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ConfigError, type ConfigSchema, loadConfig } from '@wayside/kit';

const SCHEMA: ConfigSchema = JSON.parse(readFileSync(new URL('./config.schema.json', import.meta.url), 'utf8'));

export interface SimulatorConfig {
  cloud: string;
  ca: string;
  user: string;
  secret: string;
  mqtt: readonly string[];
  nodes: number;
  prefix: string;
  seed: number;
  state?: string;
  secs: number;
  connectsPerSec: number;
  reportSecs: number;
  tokenSecs: number;
  applySecs: number;
  bgpShare: number;
  flap: number;
  failShare: number;
  staleShare: number;
  dataAddress?: string;
  json: boolean;
  remove: boolean;
}

/** Throws ConfigError with every problem. `argv` without program and script. */
export function loadSimulatorConfig(
  argv: readonly string[],
  env: { [name: string]: string | undefined },
): SimulatorConfig {
  const loaded = loadConfig<Partial<SimulatorConfig> & { cloudDir?: string }>({
    schema: SCHEMA,
    sources: { env: { ...env, ...readOptions(argv) } },
  });
  const { cloudDir, ...rest } = loaded;
  const ca = loaded.ca ?? (cloudDir === undefined ? undefined : join(cloudDir, 'ca/ca.pem'));
  const secret = loaded.secret ?? (cloudDir === undefined ? undefined : join(cloudDir, 'admin-secret'));
  const problems = Object.entries({ ca, secret })
    .filter(([, file]) => file === undefined)
    .map(([path]) => ({ path: `--${path} (${path})`, message: 'is missing, wanted a file, or --cloud-dir' }));
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.freeze({ ...(rest as SimulatorConfig), ca: ca as string, secret: secret as string });
}

/** The options, as a help text: one line each. */
export function optionsText(): string {
  return optionsOf()
    .map(({ option, schema }) => {
      const preset = schema.default === undefined || schema.type === 'array' ? '' : ` (${String(schema.default)})`;
      return `  ${option.padEnd(20)} ${String(schema.description)}${schema.type === 'boolean' ? '' : preset}`;
    })
    .join('\n');
}

function optionsOf(): { option: string; schema: ConfigSchema }[] {
  return Object.values(SCHEMA.properties ?? {}).map((schema) => {
    const [option = ''] = [schema['x-env'] ?? []].flat();
    return { option, schema };
  });
}

/** The schema's own names of the options are looked up like variables: `--nodes` = `20`. */
function readOptions(argv: readonly string[]): { [option: string]: string } {
  const options = Object.fromEntries(
    optionsOf().map(({ option, schema }) => [
      option.slice(2),
      { type: schema.type === 'boolean' ? ('boolean' as const) : ('string' as const) },
    ]),
  );
  try {
    const { values } = parseArgs({ args: [...argv], options, strict: true });
    return Object.fromEntries(Object.entries(values).map(([name, value]) => [`--${name}`, String(value)]));
  } catch (error) {
    throw new ConfigError([{ path: 'command line', message: (error as Error).message.split('. ')[0] ?? '' }]);
  }
}
