// Who may see figures and who may change something on the operations port.

import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { BlockList, isIP } from 'node:net';
import type { Secret } from '@wayside/kit';
import type { NextFunction, Request, Response } from 'express';

export interface OperationsAccess {
  isSummaryPublic: boolean;
  isSummaryAccessUnrestricted: boolean;
  customerKey: Secret;
  /** Bearer token of those who may change something, '' for none; read anew each time, so that a changed file counts at once. */
  token: () => string;
}

/** connected-cache 1.20: from this host, or with the customer key as apiKey when the summary is public, or by everyone. */
export function maySeeFigures(request: Request, access: OperationsAccess): boolean {
  if (access.isSummaryAccessUnrestricted || isThisHost(request.socket.remoteAddress ?? '')) return true;
  const key = access.customerKey.reveal();
  const given = request.query.apiKey;
  return access.isSummaryPublic && key !== '' && typeof given === 'string' && isEqual(given, key);
}

/** With a token only with it; without one only from this host, and never from a page in somebody's browser. */
export function mayControl(request: Request, access: OperationsAccess): boolean {
  const token = access.token();
  if (token !== '') {
    const given = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
    return given !== undefined && isEqual(given, token);
  }
  return request.headers.origin === undefined && isThisHost(request.socket.remoteAddress ?? '');
}

/** Middleware in front of everything that changes something or shows what clients asked for. */
export function onlyControllers(access: OperationsAccess) {
  return (request: Request, response: Response, next: NextFunction): void => {
    if (mayControl(request, access)) {
      next();
      return;
    }
    const message =
      access.token() === ''
        ? 'Cannot do that: no token is set, wanted a request from this host, or CACHE_OPERATIONS_TOKEN_FILE and its token'
        : 'Cannot do that: the bearer token is missing or wrong, wanted the one of CACHE_OPERATIONS_TOKEN_FILE';
    response
      .status(access.token() === '' ? 403 : 401)
      .set('WWW-Authenticate', 'Bearer')
      .json({ error: { code: 'CACHE_OPERATION_REFUSED', message } });
  };
}

/** Digests make the lengths equal. */
function isEqual(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Loopback, or in a container the default gateway: requests from the host to a published port come from there. */
export function isThisHost(address: string, gateway: string | undefined = defaultGateway()): boolean {
  const plain = address.replace(/^::ffff:/i, '');
  if (isIP(plain) === 0) return false;
  return loopback.check(plain, isIP(plain) === 6 ? 'ipv6' : 'ipv4') || (gateway !== undefined && plain === gateway);
}

/** IPv4 default gateway of a container, from the routing table; undefined on a plain host, where it is another machine. */
function defaultGateway(): string | undefined {
  try {
    readFileSync('/.dockerenv');
    const line = readFileSync('/proc/net/route', 'utf8')
      .split('\n')
      .find((row) => row.split('\t')[1] === '00000000');
    const hex = line?.split('\t')[2] ?? '';
    return /^[0-9A-F]{8}$/i.test(hex) ? [...Buffer.from(hex, 'hex')].reverse().join('.') : undefined;
  } catch {
    return undefined;
  }
}

/** Reads a token from a file each time it is asked for; '' when there is none. @param value outranked by the file */
export function tokenReader(value: Secret, file: string | null): () => string {
  return () => {
    if (file === null) return value.reveal();
    try {
      return readFileSync(file, 'utf8').trim();
    } catch {
      // An unreadable file must not open the port to everyone on this host.
      return '\0unreadable';
    }
  };
}
