// Canonical case of header names: some clients compare them case-sensitively (connected-cache 3.8 c).

const SPECIAL: Readonly<Record<string, string>> = {
  etag: 'ETag',
  'content-md5': 'Content-MD5',
  'www-authenticate': 'WWW-Authenticate',
  'x-ccc': 'X-CCC',
  'x-cid': 'X-CID',
  'x-hw': 'X-HW',
  dnt: 'DNT',
  te: 'TE',
};
const known = new Map<string, string>(Object.entries(SPECIAL));
/** Names remembered; origins may invent more. */
const KNOWN_MAX = 1000;

export function canonicalCase(name: string): string {
  const found = known.get(name);
  if (found !== undefined) return found;
  const made = name.replace(/(^|-)([a-z])/g, (_, dash: string, letter: string) => dash + letter.toUpperCase());
  if (known.size < KNOWN_MAX) known.set(name, made);
  return made;
}
