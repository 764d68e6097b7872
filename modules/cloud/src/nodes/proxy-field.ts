// The HTTP proxy of a node (connected-cache.md 1.6, 1.9): `host:port`, no authentication, and the file of its CA on the server.

const HOST_CHARACTERS_MAX = 253;
const PORT_MAX = 65_535;
/** A name or an IPv4 address; a ":" within the host part is refused, as in the original's form. */
const HOST = /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/;
const FILE_CHARACTERS_MAX = 255;
/** The path goes into a shell command line: nothing that it could read as syntax. */
const FILE = /^\/[A-Za-z0-9._/-]+$/;

/** Why the text is no proxy; undefined when it is one. What it says may be shown: a text with credentials is only described. */
export function proxyFault(text: string): string | undefined {
  if (text.includes('@')) return 'it holds "@": a proxy with authentication is not supported';
  if (text.includes('//')) return 'it holds a scheme, wanted host:port alone';
  const colon = text.lastIndexOf(':');
  const host = text.slice(0, colon);
  const port = text.slice(colon + 1);
  if (colon < 1 || !/^\d{1,5}$/.test(port)) return 'wanted host:port';
  if (host.includes(':')) return 'the host part holds ":"';
  if (!HOST.test(host) || host.length > HOST_CHARACTERS_MAX) return 'the host part is no name and no IPv4 address';
  if (Number(port) < 1 || Number(port) > PORT_MAX) return `the port is ${port}, wanted 1 to ${PORT_MAX}`;
  return undefined;
}

/** Why the text is no file of a CA on the server; undefined when it is one. */
export function certificatePathFault(text: string): string | undefined {
  if (!FILE.test(text)) return 'wanted an absolute path of letters, digits, ".", "_", "-" and "/"';
  if (text.length > FILE_CHARACTERS_MAX) return `${text.length} characters, at most ${FILE_CHARACTERS_MAX}`;
  return text.split('/').includes('..') ? 'it holds ".." as a folder' : undefined;
}
