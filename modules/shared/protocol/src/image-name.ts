// Image names as manifests write them, and the registry credential that fits one (iotedge.md 1.5, 1.7).

import type { RegistryCredential } from './manifest.ts';

/** Registry path segments, name, optional tag, optional digest. Wider than Docker's own grammar: the engine has the last word. */
const IMAGE =
  /^(?<path>(?:[^/\s@$]+\/)*)(?<name>[^/:@\s$]+)(?<tag>:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?<digest>@[A-Za-z][A-Za-z0-9+._-]*:[0-9a-fA-F]{32,128})?$/;
const UPSTREAM = /^\$upstream:(?<port>\d{1,5})\/(?<rest>.+)$/;
/** Longest name looked at; the twin's string limit. */
const IMAGE_CHARS_MAX = 4096;

/** Names that all mean Docker Hub. */
const DOCKER_HUB: readonly string[] = [
  'docker.io',
  'index.docker.io',
  'registry-1.docker.io',
  'registry.hub.docker.com',
];

/** `repo/image` -> `repo/image:latest`; digests stay. `$upstream:port/...` becomes `parentHostname:port/...`. Throws RangeError on a blank or malformed name. */
export function normalizeImage(image: string, parentHostname?: string): string {
  const trimmed = image.trim();
  if (trimmed === '') throw new RangeError('Image name is blank');
  if (trimmed.length > IMAGE_CHARS_MAX) {
    throw new RangeError(`Image name has ${trimmed.length} characters, at most ${IMAGE_CHARS_MAX} may be`);
  }
  const name = trimmed.startsWith('$') ? resolveUpstream(trimmed, parentHostname) : trimmed;
  const groups = IMAGE.exec(name)?.groups;
  if (groups === undefined) throw new RangeError(`Image name is "${name}", wanted [registry/]name[:tag][@digest]`);
  return groups.tag === undefined && groups.digest === undefined ? `${name}:latest` : name;
}

function resolveUpstream(image: string, parentHostname: string | undefined): string {
  const groups = UPSTREAM.exec(image)?.groups;
  if (groups === undefined) {
    throw new RangeError(`Image name is "${image}", wanted $upstream:port/name: check the port is specified`);
  }
  if (!parentHostname) {
    throw new RangeError(`Image name is "${image}", but no parent hostname is configured`);
  }
  return `${parentHostname}:${groups.port}/${groups.rest}`;
}

/** The credential whose address is the image's domain (iotedge.md 1.7). */
export function matchRegistryCredential(
  image: string,
  credentials: readonly RegistryCredential[],
): RegistryCredential | undefined {
  const domain = imageDomain(image.trim());
  if (domain === undefined) return undefined;
  return credentials.find((credential) => registryHost(credential.address) === domain);
}

/** undefined for a single-part name: such names never get credentials. */
function imageDomain(image: string): string | undefined {
  const parts = image.split('/');
  const [first = ''] = parts;
  if (parts.length < 2) return undefined;
  return /[.:]/.test(first) ? registryHost(first) : (DOCKER_HUB[0] as string);
}

/** Operators also write `https://index.docker.io/v1/`. */
function registryHost(address: string): string {
  const host = address
    .trim()
    .toLowerCase()
    .replace(/^https?:\/\//, '')
    .replace(/\/.*$/s, '');
  return DOCKER_HUB.includes(host) ? (DOCKER_HUB[0] as string) : host;
}
