// Where names are asked: DNS servers that the operator named (node:dns, c-ares), or the system with its hosts file.

import { type LookupAddress, lookup, promises, type RecordWithTtl } from 'node:dns';
import { type AskServer, fewAtATime } from './name-resolver.ts';

/** One question to one server; then the next server is asked. Clients wait 20 s in all (connected-cache 3.5). */
const DNS_TRY_TIMEOUT_MS = 1500;
/** Then the next server: asking a silent one twice only costs time. */
const DNS_TRIES = 1;
/** The system tells no TTL. */
const SYSTEM_TTL_SECS = 30;
/** The server's answer that there is no such name or no such record: final, unlike no answer. */
const ABSENT = ['ENOTFOUND', 'ENODATA'];

/** @param address `IP` or `IP:port` (`[IP]:port` for IPv6) */
export function dnsServer(address: string): AskServer {
  const resolver = new promises.Resolver({ timeout: DNS_TRY_TIMEOUT_MS, tries: DNS_TRIES });
  resolver.setServers([address]);
  return async (host) => {
    const families = await Promise.all([
      records(resolver.resolve4(host, { ttl: true }), 4),
      records(resolver.resolve6(host, { ttl: true }), 6),
    ]);
    const all = families.flatMap(({ found }) => found);
    // Half an answer is one, because many servers are silent on AAAA; but "no A" from one and silence from the other is none.
    const failure = families.find(({ error }) => error !== null)?.error;
    if (all.length === 0 && failure != null) throw failure;
    return {
      addresses: all.map(({ address: ip, family }) => ({ address: ip, family })),
      ttlSecs: Math.min(...all.map(({ ttl }) => ttl), Number.MAX_SAFE_INTEGER),
    };
  };
}

interface Records {
  found: (LookupAddress & { ttl: number })[];
  error: Error | null;
}

async function records(asked: Promise<RecordWithTtl[]>, family: 4 | 6): Promise<Records> {
  try {
    return { found: (await asked).map(({ address, ttl }) => ({ address, family, ttl })), error: null };
  } catch (error) {
    const isAbsent = ABSENT.includes((error as NodeJS.ErrnoException).code ?? '');
    return { found: [], error: isAbsent ? null : (error as Error) };
  }
}

/** The system's resolver: hosts file, container DNS, search domains. */
export const systemNames: AskServer = fewAtATime(
  (host) =>
    new Promise((resolve, reject) => {
      lookup(host, { all: true, order: 'verbatim' }, (error, addresses) => {
        if (!error) resolve({ addresses, ttlSecs: SYSTEM_TTL_SECS });
        else if (ABSENT.includes(error.code ?? '')) resolve({ addresses: [], ttlSecs: 0 });
        else reject(error);
      });
    }),
);
