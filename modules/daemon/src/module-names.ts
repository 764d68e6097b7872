// The three names of one module: in Docker and on sockets (`edgeHub`), as an identity (`$edgeHub`), as a container (`x-edgeHub`).

import { EdgeError } from '@wayside/kit';

export const EDGE_AGENT = 'edgeAgent';
export const EDGE_HUB = 'edgeHub';

/** What Docker allows in a container name, shortened to what a module id may be (IoT Hub: 128 characters). */
const MODULE_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/;

/** `$edgeHub` -> `edgeHub`; throws DAEMON_REQUEST_INVALID for a name no module can have (also `..`, `a/b`). */
export function moduleName(text: string): string {
  const name = text.startsWith('$') ? text.slice(1) : text;
  if (!MODULE_NAME.test(name)) {
    throw new EdgeError(
      'DAEMON_REQUEST_INVALID',
      `Cannot use the module name ${JSON.stringify(text.slice(0, 140))}: wanted 1 to 128 of letters, digits, "_", "-", ".", first a letter or digit`,
      { source: 'downstream' },
    );
  }
  return name;
}

/** Identity name of a module: system modules carry `$`. */
export function moduleIdOf(name: string): string {
  return isSystemModule(name) ? `$${name}` : name;
}

export function isSystemModule(name: string): boolean {
  return name === EDGE_AGENT || name === EDGE_HUB;
}

export function containerName(name: string, instance: string): string {
  return instance === '' ? name : `${instance}-${name}`;
}
