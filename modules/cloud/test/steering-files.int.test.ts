// Steering files in the real servers: dnsmasq reads both kinds and answers by them, BIND's checker loads the zone.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { dnsHostsOf } from '../src/steering/content-hosts.ts';
import { dhcpOptionsText } from '../src/steering/dhcp-options.ts';
import { dnsSteeringText } from '../src/steering/dns-files.ts';
import { until } from './cloud-under-test.ts';

jest.setTimeout(60_000);

const run = promisify(execFile);
const PROGRAM_PATH = `${process.env.PATH}:/usr/sbin:/sbin`;
const GROUP_ID = '01234567-89ab-cdef-0123-456789abcdef';
const nodes = { addresses: ['5.1.1.1', '5.1.1.2'], names: ['a', 'b'], leftOut: ['c: it serves port 8080'] };
const steering = { hosts: dnsHostsOf(['*.media.example']), nodes, ttlSecs: 300, serial: 1_700_000_000 };

let folder: string;
let server: ChildProcess | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wayside-steering-'));
});
afterEach(async () => {
  if (server && server.exitCode === null) {
    server.kill();
    await once(server, 'exit');
  }
  server = undefined;
  rmSync(folder, { recursive: true });
});

function file(text: string): string {
  const path = join(folder, 'file');
  writeFileSync(path, text);
  return path;
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address() as AddressInfo;
  socket.close();
  return port;
}

test('dnsmasq takes the DHCP options', async () => {
  const path = file(dhcpOptionsText('dnsmasq', { groupId: GROUP_ID, nodes }));
  const { stderr } = await run('dnsmasq', ['--test', '-C', path], { env: { PATH: PROGRAM_PATH } });
  expect(stderr).toContain('syntax check OK');
});

test("BIND's checker loads the response policy zone", async () => {
  const path = file(dnsSteeringText('bind', steering));
  const { stdout } = await run('named-checkzone', ['wayside.rpz', path], { env: { PATH: PROGRAM_PATH } });
  expect(stdout).toContain('loaded serial 1700000000\nOK');
});

test('dnsmasq answers CDN names with the nodes, nothing else, and no IPv6', async () => {
  const port = await freePort();
  const conf = file(dnsSteeringText('dnsmasq', steering));
  const args = ['-k', '-C', conf, '-p', `${port}`, '--listen-address=127.0.0.1', '--bind-interfaces', '--no-resolv'];
  server = spawn('dnsmasq', [...args, '--no-hosts', '--user=', '--pid-file='], {
    env: { PATH: PROGRAM_PATH },
    stdio: 'ignore',
  });
  const resolver = new Resolver({ timeout: 1_000, tries: 1 });
  resolver.setServers([`127.0.0.1:${port}`]);
  const ask = (name: string) => resolver.resolve4(name, { ttl: true }).catch((error: { code: string }) => error.code);
  const answer = await until('an answer of dnsmasq', async () => {
    const one = await ask('tlu.dl.delivery.mp.microsoft.com');
    return typeof one !== 'string' && one;
  });
  const both = ['5.1.1.1', '5.1.1.2'].map((address) => ({ address, ttl: 300 }));
  expect([...answer].sort((a, b) => (a.address < b.address ? -1 : 1))).toEqual(both);
  expect(await ask('deep.below.media.example')).toHaveLength(2);
  expect(await ask('fe2.manage.microsoft.com')).toBe('EREFUSED');
  await expect(resolver.resolve6('tlu.dl.delivery.mp.microsoft.com')).rejects.toMatchObject({ code: 'ENODATA' });
});
