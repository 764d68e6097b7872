// The prefix explorer: pages of the routes in force, by what contains an address and what lies within a block. Pure.

import { EdgeError } from '@wayside/kit';
import { type BgpPrefix, type BgpPrefixesAnswer, originAsnOf } from '@wayside/protocol';
import { bitsOf, contains, hasClearHostBits, maskWord, type Prefix, parsePrefix } from '../routes/prefix.ts';
import { attributesAt, lowerBound, prefixAt, type RouteTable } from '../routes/route-table.ts';

const LIMIT_DEFAULT = 100;
const LIMIT_MAX = 1000;
/** An answer of a direct method has at most 128 KiB: a page ends early when its paths are long. */
const PAGE_BYTES_MAX = 100 * 1024;
/** Bytes of a route around its texts. */
const ROUTE_BYTES = 80;

type Tables = ReadonlyMap<string, RouteTable>;

/** BGP_REQUEST_INVALID for what is not documented. @param payload BgpPrefixesRequest */
export function findPrefixes(tables: Tables, payload: unknown): BgpPrefixesAnswer {
  const request = readRequest(payload);
  const prefixes: BgpPrefix[] = [];
  let bytes = 0;
  let next: string | null = null;
  for (const { session, table, row } of matches(tables, request)) {
    const { asPath, med } = attributesAt(table, row);
    const found = { prefix: prefixAt(table, row), session, asPath, originAsn: originAsnOf(asPath), med };
    bytes += ROUTE_BYTES + found.prefix.length + session.length + asPath.length;
    if (prefixes.length === request.limit || bytes > PAGE_BYTES_MAX) {
      const last = prefixes.at(-1) as BgpPrefix;
      next = `${last.session} ${last.prefix}`;
      break;
    }
    prefixes.push(found);
  }
  let total = 0;
  for (const table of tables.values()) total += table.size;
  return { prefixes, next, total };
}

interface Request {
  session: string | null;
  contains: Prefix | null;
  coveredBy: Prefix | null;
  limit: number;
  after: { session: string; prefix: Prefix } | null;
}

interface Match {
  session: string;
  table: RouteTable;
  row: number;
}

/** In the order of session and prefix; with `contains` the longest prefix of a session first. */
function* matches(tables: Tables, request: Request): Generator<Match> {
  const { after } = request;
  for (const session of [...tables.keys()].sort()) {
    const table = tables.get(session) as RouteTable;
    if (request.session !== null && session !== request.session) continue;
    if (after !== null && session < after.session) continue;
    const isFirst = after !== null && session === after.session;
    const rows =
      request.contains === null
        ? rowsWithin(table, request.coveredBy, isFirst ? after.prefix : null)
        : rowsContaining(table, request.contains, isFirst ? after.prefix : null);
    for (const row of rows) {
      if (request.contains !== null && request.coveredBy !== null && !isWithin(table, row, request.coveredBy)) continue;
      yield { session, table, row };
    }
  }
}

/** One search for each length: a table has at most 33 or 129 of them. */
function* rowsContaining(table: RouteTable, wanted: Prefix, after: Prefix | null): Generator<number> {
  if (wanted.family !== table.family) return;
  const from = after === null ? wanted.length : Math.min(wanted.length, after.length - 1);
  for (let length = from; length >= 0; length -= 1) {
    const words = wanted.words.map((word, index) => (word & maskWord(length, index)) >>> 0);
    const row = lowerBound(table, words, length);
    if (row < table.size && isRow(table, row, words, length)) yield row;
  }
}

function isRow(table: RouteTable, row: number, words: readonly number[], length: number): boolean {
  return table.lengths[row] === length && table.words.every((column, index) => column[row] === words[index]);
}

function* rowsWithin(table: RouteTable, block: Prefix | null, after: Prefix | null): Generator<number> {
  if (block !== null && block.family !== table.family) return;
  let row = block === null ? 0 : lowerBound(table, block.words, block.length);
  if (after !== null && after.family === table.family) {
    row = Math.max(row, lowerBound(table, after.words, after.length + 1));
  }
  for (; row < table.size; row += 1) {
    if (block !== null && !isWithin(table, row, block)) return;
    yield row;
  }
}

/** Rows from the block's own on are within it until the first that is not. */
function isWithin(table: RouteTable, row: number, block: Prefix): boolean {
  const words = table.words.map((column) => column[row] as number);
  return block.family === table.family && (table.lengths[row] as number) >= block.length && contains(block, words);
}

function readRequest(payload: unknown): Request {
  const fields = payload ?? {};
  if (typeof fields !== 'object' || Array.isArray(fields)) throw invalid('payload', payload, 'an object');
  const {
    session = null,
    contains: inner = null,
    coveredBy = null,
    limit = LIMIT_DEFAULT,
    after = null,
    ...rest
  } = fields as Record<string, unknown>;
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined)
    throw invalid(unknown, rest[unknown], 'one of session, contains, coveredBy, limit and after instead');
  if (session !== null && typeof session !== 'string') throw invalid('session', session, 'the id of a session');
  if (!Number.isInteger(limit) || (limit as number) < 1 || (limit as number) > LIMIT_MAX)
    throw invalid('limit', limit, `a whole number from 1 to ${LIMIT_MAX}`);
  return {
    session,
    contains: inner === null ? null : readPrefix('contains', inner),
    coveredBy: coveredBy === null ? null : readPrefix('coveredBy', coveredBy),
    limit: limit as number,
    after: after === null ? null : readAfter(after),
  };
}

function readPrefix(name: string, value: unknown): Prefix {
  const prefix = typeof value === 'string' ? parsePrefix(value) : undefined;
  if (prefix === undefined) throw invalid(name, value, 'an address or a prefix');
  if (prefix.length < bitsOf(prefix.family) && !hasClearHostBits(prefix))
    throw invalid(name, value, `a prefix with clear host bits behind /${prefix.length}`);
  return prefix;
}

function readAfter(value: unknown): { session: string; prefix: Prefix } {
  const [session, text, ...rest] = typeof value === 'string' ? value.split(' ') : [];
  const prefix = text === undefined ? undefined : parsePrefix(text);
  if (session === undefined || prefix === undefined || rest.length > 0)
    throw invalid('after', value, '`next` of the page before');
  return { session, prefix };
}

function invalid(name: string, value: unknown, wanted: string): EdgeError {
  const shown = JSON.stringify(value)?.slice(0, 100);
  return new EdgeError('BGP_REQUEST_INVALID', `Cannot list prefixes: ${name} is ${shown}, wanted ${wanted}`, {
    source: 'downstream',
  });
}
