// The operations port (5001): summary, metrics, health. Who may see the summary: IS_SUMMARY_* (connected-cache 1.20).

import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { BlockList, isIP } from 'node:net';
import type { Secret } from '@wayside/kit';
import express, { type Express, type Request } from 'express';
import type { Registry } from 'prom-client';
import type { Drive } from '../store/drive.ts';
import type { Summary } from './reporter.ts';

/** The data port must answer within this time, or the cache is unhealthy. */
const HEALTH_TIMEOUT_MS = 3000;

export interface OperationsDeps {
  summary: () => Summary;
  metrics: Registry;
  drives: readonly Drive[];
  /** Where the data port listens. */
  contentAddress: () => { host: string; port: number };
  isDraining: () => boolean;
  isSummaryPublic: boolean;
  isSummaryAccessUnrestricted: boolean;
  customerKey: Secret;
}

export function makeOperationsApp(deps: OperationsDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  app.get('/summary', (request, response) => {
    if (maySeeSummary(request, deps)) response.json(deps.summary());
    else
      response.status(403).json({
        error: {
          code: 'CACHE_SUMMARY_REFUSED',
          message: 'Cannot show the summary: wanted a request from this host, or a valid apiKey with IS_SUMMARY_PUBLIC',
        },
      });
  });
  app.get('/metrics', async (_request, response) => {
    response.type(deps.metrics.contentType).send(await deps.metrics.metrics());
  });
  app.get('/healthz', async (_request, response) => {
    const problem = await findProblem(deps);
    const drives = deps.drives.map(({ path, issue, issueText }) => ({ path, issue, reason: issueText || undefined }));
    response
      .status(problem === null ? 200 : 503)
      .json({ status: problem ?? 'ok', draining: deps.isDraining(), drives });
  });
  return app;
}

/** The cache works when its data port answers by itself: that takes the listener and the event loop, no origin and no drive. */
async function findProblem(deps: OperationsDeps): Promise<string | null> {
  const { host, port } = deps.contentAddress();
  return new Promise((resolve) => {
    // A method the cache itself refuses: no host is looked up and no origin asked.
    const options = { host, port, method: 'OPTIONS', path: '/', agent: false, timeout: HEALTH_TIMEOUT_MS };
    const probe = httpRequest(options, (answer) => {
      answer.resume();
      const isExpected = answer.statusCode === 405 || answer.statusCode === 503;
      resolve(isExpected ? null : `data port answered ${answer.statusCode}, wanted 405`);
    });
    probe.end();
    probe.on('timeout', () => probe.destroy(new Error(`no answer within ${HEALTH_TIMEOUT_MS} ms`)));
    probe.on('error', (error) => resolve(`data port does not answer: ${error.message}`));
  });
}

function maySeeSummary(request: Request, deps: OperationsDeps): boolean {
  if (deps.isSummaryAccessUnrestricted || isThisHost(request.socket.remoteAddress ?? '')) return true;
  const key = deps.customerKey.reveal();
  const given = request.query.apiKey;
  return deps.isSummaryPublic && key !== '' && typeof given === 'string' && isEqual(given, key);
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
