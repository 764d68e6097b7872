// Reads the ModuleSpec of a request body; says everything that is wrong with it at once.

import { EdgeError } from '@wayside/kit';
import { type JsonObject, type ModuleSpec, normalizeImage } from '@wayside/protocol';
import { moduleName } from '../module-names.ts';

/** The specification with its name normalised; DAEMON_REQUEST_INVALID with every problem. */
export function parseModuleSpec(body: unknown): ModuleSpec {
  const problems: string[] = [];
  const it = objectOf(body);
  const settings = objectOf(objectOf(it.config).settings);
  const name = attempt(() => moduleName(String(it.name ?? '')), problems, 'name is missing or malformed');
  if (String(it.type ?? 'docker') !== 'docker') problems.push(`type is ${JSON.stringify(it.type)}, wanted "docker"`);
  const image = attempt(
    () => normalizeImage(String(settings.image ?? '').trim()),
    problems,
    `config.settings.image is ${JSON.stringify(settings.image)}, wanted an image name`,
  );
  const spec: ModuleSpec = {
    name: name ?? '',
    type: 'docker',
    imagePullPolicy: pullPolicy(it.imagePullPolicy, problems),
    config: {
      settings: {
        image: image ?? '',
        createOptions: createOptions(settings.createOptions, problems),
        ...(typeof settings.auth === 'string' && settings.auth !== '' ? { auth: settings.auth } : {}),
      },
      env: environment(objectOf(it.config).env, problems),
    },
  };
  if (spec.config.settings.auth !== undefined) readAuth(spec.config.settings.auth, problems);
  if (problems.length > 0) {
    throw new EdgeError('DAEMON_REQUEST_INVALID', `Cannot read the module specification: ${problems.join('; ')}`, {
      source: 'downstream',
      details: { problems },
    });
  }
  return spec;
}

export interface RegistryAuth {
  username: string;
  password: string;
  serveraddress: string;
}

/** Decodes `auth` = base64(JSON {username, password, serveraddress}). */
export function registryAuth(auth: string | undefined): RegistryAuth | undefined {
  return auth === undefined ? undefined : readAuth(auth, []);
}

function readAuth(auth: string, problems: string[]): RegistryAuth | undefined {
  try {
    const parsed = JSON.parse(Buffer.from(auth, 'base64').toString('utf8')) as Partial<RegistryAuth>;
    return {
      username: String(parsed.username ?? ''),
      password: String(parsed.password ?? ''),
      serveraddress: String(parsed.serveraddress ?? ''),
    };
  } catch {
    problems.push('config.settings.auth cannot be read, wanted base64 of {username, password, serveraddress}');
    return undefined;
  }
}

function pullPolicy(value: unknown, problems: string[]): ModuleSpec['imagePullPolicy'] {
  const text = String(value ?? 'On-Create').toLowerCase();
  if (text === 'never') return 'Never';
  if (text !== 'on-create') problems.push(`imagePullPolicy is ${JSON.stringify(value)}, wanted "On-Create" or "Never"`);
  return 'On-Create';
}

function createOptions(value: unknown, problems: string[]): JsonObject {
  const parsed =
    typeof value === 'string' && value !== '' ? attempt(() => JSON.parse(value) as unknown, [], '') : value || {};
  if (parsed !== null && typeof parsed === 'object' && !Array.isArray(parsed)) return parsed as JsonObject;
  problems.push('config.settings.createOptions is no object, wanted a Docker ContainerCreate body');
  return {};
}

function environment(value: unknown, problems: string[]): ModuleSpec['config']['env'] {
  if (value === undefined || value === null) return [];
  const list: unknown[] = Array.isArray(value) ? value : [value];
  return list.map((entry, index) => {
    const { key, value: text } = objectOf(entry);
    if (typeof key !== 'string' || !/^[^=\0]+$/.test(key))
      problems.push(`config.env[${index}].key is ${JSON.stringify(key)}, wanted a variable name`);
    return { key: String(key), value: String(text ?? '') };
  });
}

function attempt<T>(read: () => T, problems: string[], problem: string): T | undefined {
  try {
    return read();
  } catch {
    problems.push(problem);
    return undefined;
  }
}

function objectOf(value: unknown): { [key: string]: unknown } {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
    ? (value as { [key: string]: unknown })
    : {};
}
