// Desired properties of the module twin (docs/contracts.md 9): parsed whole, every problem named, nothing applied from a bad document.

import { type ConfigProblem, Secret } from '@wayside/kit';
import { BGP_ASN_MAX, BGP_LIMITS, BGP_SESSION_ID, isBgpAsn, isBgpPasswordText } from '@wayside/protocol';
import { type Family, formatAddress, parseAddress } from '../routes/prefix.ts';

export interface ImportRules {
  minLength: number;
  maxLength: number;
  acceptBogons: boolean;
  /** AS numbers in a path; a set counts once. */
  maxPathLength: number;
}

export interface SessionSettings {
  id: string;
  family: Family;
  neighborAddress: string;
  neighborAsn: number;
  localAddress: string | null;
  password: Secret | null;
  /** Routers between the two; false = the neighbour is on the link (eBGP) or wherever it is reached (iBGP). */
  multihop: number | false;
  /** RFC 5082. */
  ttlSecurity: boolean;
  holdTimeSecs: number;
  maxPrefixes: number;
  import: ImportRules;
}

export interface BgpSettings {
  localAsn: number;
  routerId: string;
  /** How long the prefixes of a lost session stay. */
  holdSecs: number;
  /** Enabled ones only. */
  sessions: SessionSettings[];
}

const PATH_LENGTH_DEFAULT = 64;
/** A longer path does not fit into one line of BIRD's control socket. */
const PATH_LENGTH_MAX = 75;

type Plain = Record<string, unknown>;

export function parseDesired(desired: unknown): { settings: BgpSettings; problems: ConfigProblem[] } {
  const reader = new FieldReader('', isPlain(desired) ? desired : {}, []);
  const settings: BgpSettings = {
    localAsn: reader.asn('localAsn'),
    routerId: reader.routerId('routerId'),
    holdSecs: reader.integer('holdSecs', 0, BGP_LIMITS.holdSecs.max, BGP_LIMITS.holdSecs.default),
    sessions: parseSessions(reader),
  };
  reader.refuseOthers();
  return { settings, problems: reader.problems };
}

function parseSessions(reader: FieldReader): SessionSettings[] {
  const found = reader.object('sessions');
  const entries = Object.entries(found).filter(([, value]) => value !== null);
  if (entries.length > BGP_LIMITS.sessionsMax) {
    reader.problem('sessions', `has ${entries.length} sessions, wanted at most ${BGP_LIMITS.sessionsMax}`);
    return [];
  }
  const sessions: SessionSettings[] = [];
  for (const [id, value] of entries) {
    const inner = new FieldReader(`sessions.${id}.`, isPlain(value) ? value : {}, reader.problems);
    if (!BGP_SESSION_ID.test(id))
      reader.problem(`sessions.${id}`, 'is no session id, wanted a letter, then up to 31 letters, digits or _');
    else if (!isPlain(value)) reader.problem(`sessions.${id}`, `is ${JSON.stringify(value)}, wanted an object`);
    else {
      const { session, isEnabled } = parseSession(id, inner);
      if (isEnabled) sessions.push(session);
    }
  }
  checkTogether(sessions, reader);
  return sessions;
}

function parseSession(id: string, reader: FieldReader): { session: SessionSettings; isEnabled: boolean } {
  const neighbor = reader.address('neighborAddress', true);
  const local = reader.address('localAddress', false);
  const family = neighbor?.family ?? 4;
  const { holdTimeSecs: holdTime, maxPrefixes } = BGP_LIMITS;
  if (local !== undefined && neighbor !== undefined && local.family !== neighbor.family)
    reader.problem('localAddress', `is an IPv${local.family} address, wanted IPv${family} as neighborAddress`);
  const session: SessionSettings = {
    id,
    family,
    neighborAddress: neighbor?.text ?? '',
    neighborAsn: reader.asn('neighborAsn'),
    localAddress: local?.text ?? null,
    password: reader.password('password'),
    multihop: reader.hops('multihop'),
    ttlSecurity: reader.boolean('ttlSecurity', false),
    holdTimeSecs: reader.integer('holdTimeSecs', holdTime.min, holdTime.max, holdTime.default),
    maxPrefixes: reader.integer('maxPrefixes', 1, maxPrefixes.max, maxPrefixes.default),
    import: parseImport(reader, family),
  };
  const isEnabled = reader.boolean('isEnabled', true);
  reader.refuseOthers();
  return { session, isEnabled };
}

function parseImport(outer: FieldReader, family: Family): ImportRules {
  const reader = outer.nested('import');
  const lengths = {
    4: [reader.integer('ipv4MinLength', 0, 32, 8), reader.integer('ipv4MaxLength', 0, 32, 27)],
    6: [reader.integer('ipv6MinLength', 0, 128, 16), reader.integer('ipv6MaxLength', 0, 128, 56)],
  } as const;
  for (const each of [4, 6] as const) {
    const [min, max] = lengths[each];
    if (min > max) reader.problem(`ipv${each}MinLength`, `is ${min}, wanted at most ipv${each}MaxLength (${max})`);
  }
  const [minLength, maxLength] = lengths[family];
  const rules: ImportRules = {
    minLength,
    maxLength,
    acceptBogons: reader.boolean('acceptBogons', false),
    maxPathLength: reader.integer('maxPathLength', 1, PATH_LENGTH_MAX, PATH_LENGTH_DEFAULT),
  };
  reader.refuseOthers();
  return rules;
}

function checkTogether(sessions: SessionSettings[], reader: FieldReader): void {
  const byAddress = new Map<string, string>();
  let sum = 0;
  for (const { id, neighborAddress, maxPrefixes } of sessions) {
    const other = byAddress.get(neighborAddress);
    if (other !== undefined && neighborAddress !== '')
      reader.problem(`sessions.${id}.neighborAddress`, `is ${neighborAddress} as in session ${other}, wanted another`);
    byAddress.set(neighborAddress, id);
    sum += maxPrefixes;
  }
  if (sum > BGP_LIMITS.maxPrefixesSum)
    reader.problem('sessions', `have ${sum} maxPrefixes in all, wanted at most ${BGP_LIMITS.maxPrefixesSum}`);
}

/** Reads the fields of one object and gathers what is wrong with them; a wrong field answers a value that is never used. */
class FieldReader {
  readonly problems: ConfigProblem[];
  readonly #at: string;
  readonly #fields: Plain;
  readonly #known = new Set<string>();

  constructor(at: string, fields: Plain, problems: ConfigProblem[]) {
    this.#at = at;
    this.#fields = fields;
    this.problems = problems;
  }

  problem(name: string, message: string): void {
    this.problems.push({ path: `${this.#at}${name}`, message });
  }

  /** null deletes a field in a twin patch: it counts as absent. */
  #take(name: string): unknown {
    this.#known.add(name);
    return this.#fields[name] ?? undefined;
  }

  #wrong(name: string, value: unknown, wanted: string): void {
    this.problem(name, `is ${JSON.stringify(value) ?? 'absent'}, wanted ${wanted}`);
  }

  refuseOthers(): void {
    for (const [name, value] of Object.entries(this.#fields)) {
      if (this.#known.has(name) || name.startsWith('$') || value === null) continue;
      this.problem(name, `is unknown, wanted ${[...this.#known].join(', ')}`);
    }
  }

  object(name: string): Plain {
    const value = this.#take(name);
    if (value === undefined) return {};
    if (isPlain(value)) return value;
    this.#wrong(name, value, 'an object');
    return {};
  }

  nested(name: string): FieldReader {
    return new FieldReader(`${this.#at}${name}.`, this.object(name), this.problems);
  }

  boolean(name: string, byDefault: boolean): boolean {
    const value = this.#take(name) ?? byDefault;
    if (typeof value === 'boolean') return value;
    this.#wrong(name, value, 'true or false');
    return byDefault;
  }

  integer(name: string, min: number, max: number, byDefault: number): number {
    const value = this.#take(name) ?? byDefault;
    if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return value as number;
    this.#wrong(name, value, `a whole number from ${min} to ${max}`);
    return byDefault;
  }

  asn(name: string): number {
    const value = this.#take(name);
    if (isBgpAsn(value)) return value;
    this.#wrong(name, value, `an ASN from 1 to ${BGP_ASN_MAX} that is not reserved (23456, 65535)`);
    return 0;
  }

  routerId(name: string): string {
    const value = this.#take(name);
    const address = typeof value === 'string' ? parseAddress(value) : undefined;
    if (address?.family === 4 && address.words[0] !== 0) return formatAddress(4, address.words);
    this.#wrong(name, value, 'an IPv4 address other than 0.0.0.0');
    return '';
  }

  address(name: string, isNeeded: boolean): { family: Family; text: string } | undefined {
    const value = this.#take(name);
    if (value === undefined && !isNeeded) return undefined;
    const address = typeof value === 'string' ? parseAddress(value) : undefined;
    if (address !== undefined && isUnicast(address)) {
      return { family: address.family, text: formatAddress(address.family, address.words) };
    }
    this.#wrong(name, value, 'an IPv4 or IPv6 unicast address, not link-local');
    return undefined;
  }

  hops(name: string): number | false {
    const value = this.#take(name) ?? false;
    if (
      value === false ||
      (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= BGP_LIMITS.hopsMax)
    )
      return value as number | false;
    this.#wrong(name, value, 'false or a number of hops from 1 to 255');
    return false;
  }

  /** The value itself stands in no message. */
  password(name: string): Secret | null {
    const value = this.#take(name);
    if (value === undefined) return null;
    if (typeof value === 'string' && isBgpPasswordText(value)) {
      if (value.length <= BGP_LIMITS.passwordCharactersMax) return new Secret(value);
      this.problem(name, `has ${value.length} characters, wanted at most ${BGP_LIMITS.passwordCharactersMax}`);
      return null;
    }
    this.problem(name, 'is [secret], wanted printable ASCII characters without "');
    return null;
  }
}

function isUnicast({ family, words }: { family: Family; words: number[] }): boolean {
  const first = words[0] as number;
  // 0.0.0.0/8, 224.0.0.0/3.
  if (family === 4) return first >>> 24 !== 0 && first >>> 24 < 224;
  const isUnspecified = words.every((word) => word === 0);
  // fe80::/10 needs a zone, which a deployment cannot know; ff00::/8 is multicast.
  return !isUnspecified && first >>> 22 !== 0x3fa && first >>> 24 !== 0xff;
}

function isPlain(value: unknown): value is Plain {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
