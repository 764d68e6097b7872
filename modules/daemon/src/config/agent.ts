// [agent]: image, registry credentials, create options and environment of edgeAgent's first container.

import { Secret } from '@wayside/kit';
import { type JsonObject, normalizeImage } from '@wayside/protocol';
import type { ProblemList } from './problem-list.ts';

export interface AgentConfig {
  /** undefined: the registration's answer names it. */
  image: string | undefined;
  imagePullPolicy: 'On-Create' | 'Never';
  createOptions: JsonObject;
  auth: { username: string; password: Secret; serveraddress: string } | undefined;
  env: { [name: string]: string };
}

/** The section as the schema leaves it. */
export interface AgentFile {
  imagePullPolicy: string;
  config: {
    image?: string;
    createOptions?: unknown;
    auth?: { username?: string; password?: Secret; serveraddress?: string };
  };
  env: { [name: string]: string | number | boolean };
}

/** The settings of the section; what is wrong with it goes to `problems`. */
export function agentOf(file: AgentFile, problems: ProblemList): AgentConfig {
  const { auth } = file.config;
  let image = file.config.image;
  try {
    if (image !== undefined) image = normalizeImage(image);
  } catch {
    problems.add('agent.config.image', `"${image}" is no image name, wanted repository[:tag][@digest]`);
  }
  if (auth !== undefined && (!auth.username || !auth.password || !auth.serveraddress)) {
    problems.add('agent.config.auth', 'is not complete, wanted username, password and serveraddress');
  }
  return {
    image,
    imagePullPolicy: file.imagePullPolicy.toLowerCase() === 'never' ? 'Never' : 'On-Create',
    createOptions: createOptionsOf(file.config.createOptions, problems),
    auth:
      auth === undefined
        ? undefined
        : {
            username: auth.username ?? '',
            password: auth.password ?? new Secret(''),
            serveraddress: auth.serveraddress ?? '',
          },
    env: Object.fromEntries(Object.entries(file.env).map(([name, value]) => [name, String(value)])),
  };
}

function createOptionsOf(value: unknown, problems: ProblemList): JsonObject {
  let parsed: unknown = value ?? {};
  if (typeof parsed === 'string') {
    try {
      parsed = JSON.parse(parsed === '' ? '{}' : parsed);
    } catch {
      parsed = undefined;
    }
  }
  if (parsed !== null && typeof parsed === 'object' && !Array.isArray(parsed)) return parsed as JsonObject;
  problems.add('agent.config.createOptions', 'is no object, wanted a table or the JSON text of one');
  return {};
}
