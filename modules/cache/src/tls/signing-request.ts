// Key and certificate signing request, made on the node: the key never leaves it (connected-cache 1.15).

// The decorators of @peculiar/x509's ASN.1 classes need it, first.
import 'reflect-metadata';
import { KeyObject, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';
import type { ConfigProblem } from '@wayside/kit';
import { isHostPattern } from '../origin/host-pattern.ts';

x509.cryptoProvider.set(webcrypto as Crypto);

const ALGORITHMS = {
  'RSA-2048': rsa(2048),
  'RSA-3072': rsa(3072),
  'RSA-4096': rsa(4096),
  'EC-P-256': { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  'EC-P-384': { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
  'EC-P-521': { name: 'ECDSA', namedCurve: 'P-521', hash: 'SHA-512' },
  ED25519: { name: 'Ed25519' },
} as const;
type AlgorithmName = keyof typeof ALGORITHMS;
const ALGORITHM_DEFAULT: AlgorithmName = 'EC-P-256';
/** Names in one request, all kinds together; characters of one (RFC 5280 upper bounds are lower for most). */
const NAMES_MAX = 100;
const NAME_CHARACTERS_MAX = 253;

export interface SigningRequest {
  algorithm: AlgorithmName;
  commonName: string;
  country: string | null;
  state: string | null;
  organization: string | null;
  /** Subject alternative names: clients compare with these only. An address in DOCacheHost needs an entry in `ip`. */
  san: { dns: string[]; ip: string[]; uri: string[]; email: string[] };
}

function rsa(modulusLength: number) {
  return { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength, publicExponent: new Uint8Array([1, 0, 1]) };
}

const SAN_CHECKS: Readonly<Record<keyof SigningRequest['san'], (text: string) => boolean>> = {
  dns: (text) => isHostPattern(text.toLowerCase()),
  ip: (text) => isIP(text) !== 0,
  uri: (text) => URL.canParse(text),
  email: (text) => /^[^\s@]+@[^\s@]+$/.test(text),
};

/** Every problem at once; the request counts only without any. */
export function parseSigningRequest(value: unknown): { request: SigningRequest; problems: ConfigProblem[] } {
  const problems: ConfigProblem[] = [];
  const given = isPlain(value) ? value : {};
  const {
    algorithm = ALGORITHM_DEFAULT,
    commonName,
    country = null,
    state = null,
    organization = null,
    san = {},
    ...rest
  } = given;
  for (const name of Object.keys(rest))
    problems.push({
      path: name,
      message: 'is unknown, wanted algorithm, commonName, country, state, organization or san',
    });
  if (typeof algorithm !== 'string' || !(algorithm in ALGORITHMS))
    problems.push(wrong('algorithm', algorithm, `one of ${Object.keys(ALGORITHMS).join(', ')}`));
  if (!isText(commonName, 64)) problems.push(wrong('commonName', commonName, 'a text of 1 to 64 characters'));
  if (country !== null && !/^[A-Z]{2}$/.test(String(country)))
    problems.push(wrong('country', country, 'two capital letters'));
  if (state !== null && !isText(state, 128)) problems.push(wrong('state', state, 'a text of at most 128 characters'));
  if (organization !== null && !isText(organization, 64))
    problems.push(wrong('organization', organization, 'a text of at most 64 characters'));
  const names = { dns: [] as string[], ip: [] as string[], uri: [] as string[], email: [] as string[] };
  if (!isPlain(san)) problems.push(wrong('san', san, 'an object with dns, ip, uri and email lists'));
  else {
    for (const [kind, list] of Object.entries(san)) {
      if (!(kind in names)) problems.push({ path: `san.${kind}`, message: 'is unknown, wanted dns, ip, uri or email' });
      else names[kind as keyof typeof names] = namesOf(kind as keyof typeof names, list, problems);
    }
  }
  const count = Object.values(names).reduce((sum, list) => sum + list.length, 0);
  if (count > NAMES_MAX) problems.push({ path: 'san', message: `has ${count} names, wanted at most ${NAMES_MAX}` });
  if (names.dns.length + names.ip.length === 0 && problems.length === 0)
    problems.push({
      path: 'san',
      message: 'names neither a host nor an address, wanted what clients use to reach this cache',
    });
  const request = { algorithm, commonName, country, state, organization, san: names } as SigningRequest;
  return { request, problems };
}

function namesOf(kind: keyof SigningRequest['san'], list: unknown, problems: ConfigProblem[]): string[] {
  if (!Array.isArray(list)) {
    problems.push(wrong(`san.${kind}`, list, 'a list of texts'));
    return [];
  }
  list.forEach((name, i) => {
    const isRight = typeof name === 'string' && name.length <= NAME_CHARACTERS_MAX && SAN_CHECKS[kind](name);
    if (!isRight) problems.push(wrong(`san.${kind}.${i}`, name, `a valid ${kind} name`));
  });
  return list as string[];
}

/** @returns both PEM: the key PKCS #8, the request PKCS #10 */
export async function makeSigningRequest(request: SigningRequest): Promise<{ privateKey: string; csr: string }> {
  const algorithm = ALGORITHMS[request.algorithm];
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const { commonName, country, state, organization, san } = request;
  const name: x509.JsonName = [{ CN: [commonName] }];
  if (organization !== null) name.push({ O: [organization] });
  if (state !== null) name.push({ ST: [state] });
  if (country !== null) name.push({ C: [country] });
  const names: x509.JsonGeneralNames = [
    ...san.dns.map((value) => ({ type: 'dns' as const, value })),
    ...san.ip.map((value) => ({ type: 'ip' as const, value })),
    ...san.uri.map((value) => ({ type: 'url' as const, value })),
    ...san.email.map((value) => ({ type: 'email' as const, value })),
  ];
  const csr = await x509.Pkcs10CertificateRequestGenerator.create({
    name,
    keys: keys as never,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.SubjectAlternativeNameExtension(names),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
    ],
  });
  const privateKey = KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' }) as string;
  return { privateKey, csr: `${csr.toString('pem')}\n` };
}

function wrong(path: string, value: unknown, wanted: string): ConfigProblem {
  return { path, message: `is ${(JSON.stringify(value) ?? 'absent').slice(0, 200)}, wanted ${wanted}` };
}

function isText(value: unknown, charactersMax: number): boolean {
  return typeof value === 'string' && value !== '' && value.length <= charactersMax;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
