// The kernel's counters of TCP MD5 signatures that were missing, unexpected or wrong (RFC 2385): such segments never reach BIRD, so nothing else tells of them.

import { readFile } from 'node:fs/promises';

const COUNTERS = ['TCPMD5NotFound', 'TCPMD5Unexpected', 'TCPMD5Failure'];

/** Sum of the counters in the network namespace of a process; null where the kernel does not tell. */
export async function readSignatureFailures(pid: number): Promise<number | null> {
  const text = await readFile(`/proc/${pid}/net/netstat`, 'utf8').catch(() => null);
  return text === null ? null : parseSignatureFailures(text);
}

/** /proc/net/netstat: a line of names, then a line of values, both with the same first word. */
export function parseSignatureFailures(text: string): number | null {
  const lines = text.split('\n').filter((line) => line.startsWith('TcpExt:'));
  const names = lines[0]?.split(' ') ?? [];
  const values = lines[1]?.split(' ') ?? [];
  const found = COUNTERS.map((name) => names.indexOf(name)).filter((index) => index >= 0);
  if (found.length === 0) return null;
  return found.reduce((sum, index) => sum + Number(values[index] ?? 0), 0);
}
