// Settings of the cache: the original's environment (connected-cache 1.20), ours, and the arguments of standalone use, as one checked object.

import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { availableParallelism } from 'node:os';
import { ConfigError, type ConfigProblem, type LogLevel, loadConfig, type Secret } from '@wayside/kit';
import { isHostPattern } from './origin/host-pattern.ts';
import type { OriginSettings } from './origin/origins.ts';

/** connected-cache 1.20: smallest STORAGE_N_SIZE_GB. */
const STORAGE_GB_MIN = 10;
const GB = 1e9;
const PORT_MAX = 65_535;
const ARGUMENTS = '--listen, --operations, --origin, --drive or --threads';

export interface CacheConfig {
  listen: { host: string | undefined; port: number };
  operationsListen: { host: string | undefined; port: number };
  drives: { path: string; sizeBytes: number }[];
  /** Threads that serve clients; 1 = all work on one thread. */
  threads: number;
  customOrigins: OriginSettings[];
  origin: string | null;
  upstreamHost: string | null;
  upstreamProxy: string | null;
  dnsServers: string[];
  originTransfersMax: number;
  isSummaryPublic: boolean;
  isSummaryAccessUnrestricted: boolean;
  customerKey: Secret;
  maxEgressMbps: number | null;
  isAccessLogOn: boolean;
  accessLogShare: number;
  accessLogSlowMs: number;
  accessLogFile: string | null;
  accessLogFileMb: number;
  accessLogFilesKept: number;
  operationsToken: Secret;
  operationsTokenFile: string | null;
  tlsListen: { host: string | undefined; port: number } | null;
  tlsCertificateFile: string | null;
  tlsKeyFile: string | null;
  tlsDirectory: string | null;
  connectionsMax: number;
  connectionsPerClientMax: number;
  clientBytesPerSecMin: number;
  memoryMaxMb: number | null;
  logLevel: LogLevel;
}

interface CustomOriginFile {
  id: string;
  host: string;
  canonical?: string;
  url?: string;
}

interface ConfigFile
  extends Omit<CacheConfig, 'listen' | 'operationsListen' | 'tlsListen' | 'drives' | 'customOrigins' | 'threads'> {
  threads: number | null;
  listen: string;
  operationsListen: string;
  tlsListen: string | null;
  drives?: { path: string; sizeGb: number }[];
  customOrigins: CustomOriginFile[];
}

type Environment = { readonly [name: string]: string | undefined };

const schema = JSON.parse(readFileSync(new URL('./config.schema.json', import.meta.url), 'utf8'));

/** @param args `--listen A:P --operations A:P --origin URL --threads N --drive DIR,GB` (the last one repeatable), for use without a container. Throws ConfigError. */
export function readConfig(env: Environment, args: readonly string[] = []): CacheConfig {
  const problems: ConfigProblem[] = [];
  const file: Partial<ConfigFile> = {
    drives: drivesOf(env, problems),
    customOrigins: customOriginsOf(env, problems),
    ...argumentsOf(args, problems),
  };
  if (file.drives?.length === 0) {
    problems.push({
      path: 'drives',
      message:
        'is empty, wanted STORAGE_1_SIZE_GB=<GB> (folder /nginx/cache1/), CACHE_DRIVES=/path,GB or --drive DIR,GB',
    });
  }
  let loaded: ConfigFile | undefined;
  try {
    loaded = loadConfig<ConfigFile>({
      schema,
      sources: { file: file.drives?.length === 0 ? { ...file, drives: undefined } : file, env },
    });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(...error.problems);
  }
  for (const name of ['listen', 'operationsListen', 'tlsListen'] as const) {
    const port = addressOf(loaded?.[name] ?? ':0').port;
    if (port > PORT_MAX) problems.push({ path: name, message: `has port ${port}, wanted at most ${PORT_MAX}` });
  }
  if ((loaded?.tlsCertificateFile == null) !== (loaded?.tlsKeyFile == null)) {
    const [set, missing] = ['CACHE_TLS_CERTIFICATE_FILE', 'CACHE_TLS_KEY_FILE'];
    problems.push({
      path: set as string,
      message: `is set without its counterpart, wanted ${set} and ${missing}, or neither`,
    });
  }
  if (loaded === undefined || problems.length > 0) throw new ConfigError(problems);
  return {
    ...loaded,
    listen: addressOf(loaded.listen),
    operationsListen: addressOf(loaded.operationsListen),
    tlsListen: loaded.tlsListen === null ? null : addressOf(loaded.tlsListen),
    threads: loaded.threads ?? availableParallelism(),
    drives: (loaded.drives ?? []).map(({ path, sizeGb }) => ({ path, sizeBytes: Math.floor(sizeGb * GB) })),
    customOrigins: loaded.customOrigins.map(toOriginSettings),
  };
}

function drivesOf(env: Environment, problems: ConfigProblem[]): { path: string; sizeGb: number }[] {
  if (env.CACHE_DRIVES) return parseDriveList('CACHE_DRIVES', env.CACHE_DRIVES, problems);
  const drives: { path: string; sizeGb: number }[] = [];
  for (const [name, value] of Object.entries(env)) {
    const number = /^STORAGE_(\d+)_SIZE_GB$/.exec(name)?.[1];
    if (number === undefined || value === undefined || value.trim() === '') continue;
    const sizeGb = Number(value);
    if (!/^[1-9]$/.test(number)) problems.push({ path: name, message: `has number ${number}, wanted 1 to 9` });
    else if (!Number.isInteger(sizeGb) || sizeGb < STORAGE_GB_MIN) {
      problems.push({
        path: name,
        message: `is ${JSON.stringify(value)}, wanted a whole number of at least ${STORAGE_GB_MIN}`,
      });
    } else drives.push({ path: `/nginx/cache${number}/`, sizeGb });
  }
  return drives.sort((a, b) => a.path.localeCompare(b.path));
}

function parseDriveList(name: string, text: string, problems: ConfigProblem[]): { path: string; sizeGb: number }[] {
  const parts = text.split(',').map((part) => part.trim());
  const drives: { path: string; sizeGb: number }[] = [];
  for (let i = 0; i < parts.length; i += 2) {
    const path = parts[i] as string;
    const sizeGb = Number(parts[i + 1]);
    if (parts[i + 1] === undefined || Number.isNaN(sizeGb)) {
      problems.push({
        path: name,
        message: `is ${JSON.stringify(text)}, wanted pairs of an absolute path and gigabytes: /path,GB,/path,GB`,
      });
    } else drives.push({ path, sizeGb });
  }
  return drives;
}

function customOriginsOf(env: Environment, problems: ConfigProblem[]): CustomOriginFile[] {
  const origins: CustomOriginFile[] = [];
  for (const [name, value] of Object.entries(env)) {
    const [, number, kind] = /^CACHEABLE_CUSTOM_(\d+)_(HOST|CANONICAL|URL)$/.exec(name) ?? [];
    if (number === undefined || !value) continue;
    const at = `CACHEABLE_CUSTOM_${number}`;
    if (kind !== 'HOST') {
      if (!env[`${at}_HOST`]) problems.push({ path: name, message: `is set, wanted ${at}_HOST beside it` });
      continue;
    }
    const { host } = splitHost(value);
    if (!isHostPattern(host) && isIP(host.replace(/^\[|\]$/g, '')) === 0) {
      problems.push({
        path: name,
        message: `is ${JSON.stringify(value)}, wanted a host name or address, with :port or without`,
      });
      continue;
    }
    const origin: CustomOriginFile = { id: `custom-${number}`, host: value.trim() };
    const canonical = env[`${at}_CANONICAL`];
    const url = env[`${at}_URL`];
    if (canonical) origin.canonical = canonical;
    if (url) origin.url = url;
    origins.push(origin);
  }
  return origins;
}

function splitHost(value: string): { host: string; port: number | undefined } {
  const match = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(value.trim().toLowerCase());
  return { host: match?.[1] ?? '', port: match?.[2] === undefined ? undefined : Number(match[2]) };
}

/** An address that the operator wrote himself is as good as a url. */
function toOriginSettings({ id, host: text, canonical, url }: CustomOriginFile): OriginSettings {
  const { host, port } = splitHost(text);
  const isName = isHostPattern(host);
  return {
    id,
    hosts: [host],
    port,
    canonical,
    url: url ?? (isName ? undefined : `http://${host}${port === undefined ? '' : `:${port}`}`),
  };
}

/** `--name value` and `--name=value`. What follows another option's name is no value: the name before it lacks one. */
function argumentsOf(args: readonly string[], problems: ConfigProblem[]): Partial<ConfigFile> {
  const found: Partial<ConfigFile> = {};
  for (let i = 0; i < args.length; i += 1) {
    const [, name = '', inline] = /^([^=]*)(?:=(.*))?$/s.exec(args[i] as string) ?? [];
    if (!name.startsWith('--')) {
      problems.push({ path: name, message: `is no option, wanted ${ARGUMENTS}` });
      continue;
    }
    const next = args[i + 1]?.startsWith('--') ? undefined : args[i + 1];
    if (inline === undefined && next !== undefined) i += 1;
    const value = inline ?? next;
    if (value === undefined) problems.push({ path: name, message: 'has no value' });
    else if (name === '--listen') found.listen = value;
    else if (name === '--operations') found.operationsListen = value;
    else if (name === '--origin') found.origin = value;
    else if (name === '--threads') found.threads = Number(value);
    else if (name === '--drive') found.drives = [...(found.drives ?? []), ...parseDriveList(name, value, problems)];
    else problems.push({ path: name, message: `is unknown, wanted ${ARGUMENTS}` });
  }
  return found;
}

function addressOf(text: string): { host: string | undefined; port: number } {
  const colon = text.lastIndexOf(':');
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, '') || undefined, port: Number(text.slice(colon + 1)) };
}
