// The stack under test: the quickstart under a name and ports of its own, so that it stands beside a running one.

import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '../../..');

const env = process.env;
/** Lower-case letters and digits. */
export const INSTANCE = env.E2E_INSTANCE ?? 'e2e';
export const NODE = 'edge1';
export const HTTP_PORT = Number(env.E2E_HTTP_PORT ?? 18080);
export const CLOUD_HTTPS_PORT = Number(env.E2E_CLOUD_HTTPS_PORT ?? 18443);
export const CLOUD_MQTT_PORT = Number(env.E2E_CLOUD_MQTT_PORT ?? 18883);
export const CLOUD_AMQP_PORT = Number(env.E2E_CLOUD_AMQP_PORT ?? 15671);
export const SUMMARY_PORT = Number(env.E2E_SUMMARY_PORT ?? 15001);
/** E2E_KEEP=1 leaves the stack running for a look at it. */
export const KEEP = env.E2E_KEEP === '1';

export const CONFIG_DIR = join(tmpdir(), `wayside-${INSTANCE}-config`);
export const CLOUD_STATE = `/var/lib/wayside-cloud-${INSTANCE}`;
export const NODE_STATE = `/var/lib/wayside-${INSTANCE}`;
export const CLOUD_CONTAINER = `wayside-cloud-${INSTANCE}`;
export const DAEMON_CONTAINER = `wayside-daemon-${INSTANCE}`;
export const ORIGIN_CONTAINER = `wayside-quickstart-origin-${INSTANCE}`;
export const CLOUD_HOSTNAME = 'wayside-cloud';
export const CONTENT_URL = `http://127.0.0.1:${HTTP_PORT}`;

/** A module's container. */
export const containerOf = (module: string): string => `${INSTANCE}-${module}`;

/** Copies of the published manifests with these settings, written by scripts/start.sh. */
export const QUICKSTART_MANIFEST = join(ROOT, '.wayside', `quickstart-${INSTANCE}.json`);
export const SENSOR_MANIFEST = join(ROOT, '.wayside', `with-sensor-${INSTANCE}.json`);

/** Environment of every script and command of the product. Jest's own NODE_OPTIONS stay here. */
export const STACK_ENV: { [name: string]: string | undefined } = {
  ...env,
  NODE_OPTIONS: '',
  WAYSIDE_INSTANCE: INSTANCE,
  WAYSIDE_NODE: NODE,
  WAYSIDE_HTTP_PORT: String(HTTP_PORT),
  WAYSIDE_CLOUD_HTTPS_PORT: String(CLOUD_HTTPS_PORT),
  WAYSIDE_CLOUD_MQTT_PORT: String(CLOUD_MQTT_PORT),
  WAYSIDE_CLOUD_AMQP_PORT: String(CLOUD_AMQP_PORT),
  WAYSIDE_SUMMARY_PORT: String(SUMMARY_PORT),
  WAYSIDE_CONFIG_DIR: CONFIG_DIR,
};
