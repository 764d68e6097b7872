// What Docker says about a container, in the words of the management API (iotedge.md 4.4). Pure.

import type { ModuleDetails } from '@wayside/protocol';
import { LABEL_ORIGINAL_IMAGE } from './labels.ts';

/** The part of `GET /containers/{id}/json` that the daemon reads. */
export interface InspectedContainer {
  id: string;
  /** Container name without the leading slash. */
  containerName: string;
  /** Docker's state: created, running, paused, restarting, removing, exited, dead. */
  state: string;
  exitCode: number;
  /** RFC 3339; year 1 when it never happened. */
  startedAt: string;
  finishedAt: string;
  /** Docker's text about a failed start, '' otherwise. */
  error: string;
  health: string | undefined;
  imageId: string;
  image: string;
  labels: { [name: string]: string };
  tty: boolean;
  networks: string[];
}

/** Docker state -> runtimeStatus of the management API. */
export function runtimeStatusOf(state: string, exitCode: number): string {
  switch (state) {
    case 'running':
      return 'running';
    case 'created':
    case 'paused':
    case 'restarting':
      return 'stopped';
    case 'removing':
    case 'exited':
      return exitCode === 0 ? 'stopped' : 'failed';
    case 'dead':
      return 'dead';
    default:
      return 'unknown';
  }
}

/** Environment is left out: it may hold secrets, and the agent keeps its own copy. */
export function moduleDetails(name: string, found: InspectedContainer): ModuleDetails {
  const startTime = realTime(found.startedAt);
  const exitTime = realTime(found.finishedAt);
  const health = found.health === undefined || found.health === 'none' ? undefined : found.health;
  return {
    id: 'id',
    name,
    type: 'docker',
    config: {
      settings: {
        image: found.labels[LABEL_ORIGINAL_IMAGE] ?? found.image,
        imageHash: found.imageId,
        createOptions: { Labels: found.labels },
      },
      env: [],
    },
    status: {
      ...(startTime === undefined ? {} : { startTime }),
      ...(exitTime === undefined ? {} : { exitStatus: { exitTime, statusCode: String(found.exitCode) } }),
      runtimeStatus: {
        status: runtimeStatusOf(found.state, found.exitCode),
        description: found.error === '' ? found.state : `${found.state}: ${found.error}`,
        ...(health === undefined ? {} : { health: health as 'starting' | 'healthy' | 'unhealthy' }),
      },
    },
  };
}

/** Docker writes year 1 for "never". */
function realTime(text: string): string | undefined {
  return text === '' || text.startsWith('0001-') ? undefined : text;
}
