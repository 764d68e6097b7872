// Settings of the command and the places that follow from them (docs/contracts.md 2).

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '@wayside/kit';

const schema = JSON.parse(readFileSync(new URL('./config.schema.json', import.meta.url), 'utf8'));

/** Version of the product: that of this package, which is the root's. */
export const VERSION: string = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version;

const SESSION_FILE = 'session.json';

export interface Settings {
  readonly host: string;
  readonly instance: string;
  readonly program: 'wayside' | 'iotedge';
  readonly home: string;
  readonly configDir: string;
  readonly configHome: string;
  readonly dockerHost: string;
  readonly noColor: string;
}

/** Reads the environment; throws ConfigError naming every bad variable. */
export function loadSettings(env: { readonly [name: string]: string | undefined }): Settings {
  return loadConfig<Settings>({ schema, sources: { env } });
}

/** Places of one node on its host; an instance has a suffix everywhere. */
export interface NodePlaces {
  instance: string;
  configFile: string;
  configDir: string;
  runDir: string;
  stateDir: string;
  managementUrl: string;
  daemonContainer: string;
  /** Name of a module's container. */
  container(module: string): string;
  /** The path on the host of a path the daemon sees, such as /etc/wayside/upstream-ca.pem. */
  hostPath(daemonPath: string): string;
}

export function nodePlaces(instance: string, host = ''): NodePlaces {
  const suffix = instance === '' ? '' : `-${instance}`;
  const runDir = `/run/wayside${suffix}`;
  return {
    instance,
    configFile: `/etc/wayside${suffix}/config.toml`,
    configDir: `/etc/wayside${suffix}`,
    runDir,
    stateDir: `/var/lib/wayside${suffix}`,
    managementUrl: host === '' ? `unix://${runDir}/mgmt/mgmt.sock` : host,
    daemonContainer: `wayside-daemon${suffix}`,
    container: (module) => (instance === '' ? module : `${instance}-${module}`),
    hostPath: (path) => path.replace(/^(\/etc\/wayside|\/var\/lib\/wayside|\/run\/wayside)(?=\/|$)/, `$1${suffix}`),
  };
}

/** File that keeps the session with the cloud. */
export function sessionFile(settings: Settings): string {
  if (settings.configDir !== '') return join(settings.configDir, SESSION_FILE);
  const base = settings.configHome === '' ? join(settings.home, '.config') : settings.configHome;
  return join(base, settings.instance === '' ? 'wayside' : `wayside-${settings.instance}`, SESSION_FILE);
}
