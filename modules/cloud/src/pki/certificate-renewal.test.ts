import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { describe, expect, test } from '@jest/globals';
import { FakeClock, silentLogger } from '@wayside/kit';
import { CERTIFICATE_CHECK_MS, runCertificateRenewal } from './certificate-renewal.ts';
import { ensureServerIdentity, type ServerIdentity } from './server-identity.ts';

function identity(isNew: boolean, notAfterMs: number): ServerIdentity {
  return { authority: '', chain: `until ${notAfterMs}`, privateKey: '', pin: '', notAfterMs, isNew };
}

function startRenewal(
  answers: (ServerIdentity | Error)[],
  apply: (renewed: ServerIdentity) => void,
  inUse = identity(false, 0),
) {
  const clock = new FakeClock();
  const stop = new AbortController();
  let last = inUse;
  const ensure = async () => {
    const answer = answers.shift() ?? last;
    if (answer instanceof Error) throw answer;
    last = answer;
    return answer;
  };
  const running = runCertificateRenewal({ clock, logger: silentLogger, signal: stop.signal, inUse, ensure, apply });
  const end = () => {
    stop.abort();
    return running;
  };
  return { clock, end };
}

describe('runCertificateRenewal()', () => {
  test('hands over new certificates only, and goes on after a failure', async () => {
    const applied: number[] = [];
    const answers = [identity(false, 1), new Error('disk full'), identity(true, 2), identity(false, 2)];
    const { clock, end } = startRenewal(answers, (renewed) => applied.push(renewed.notAfterMs), identity(false, 1));
    await clock.advance(5 * CERTIFICATE_CHECK_MS);
    expect(applied).toEqual([2]);
    await end();
  });

  test('a certificate that a listener refused is offered again', async () => {
    let tries = 0;
    const { clock, end } = startRenewal([identity(true, 1), identity(false, 1)], () => {
      tries += 1;
      if (tries === 1) throw new Error('busy');
    });
    await clock.advance(4 * CERTIFICATE_CHECK_MS);
    expect(tries).toBe(2);
    await end();
  });

  test('one that another replica made is taken over', async () => {
    const applied: number[] = [];
    const { clock, end } = startRenewal([identity(false, 7)], (renewed) => applied.push(renewed.notAfterMs));
    await clock.advance(2 * CERTIFICATE_CHECK_MS);
    expect(applied).toEqual([7]);
    await end();
  });

  test('a running listener shows the renewed certificate to the next handshake', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'wayside-renewal-'));
    const first = await ensureServerIdentity(folder, ['localhost'], Date.now());
    const server = createServer({ cert: first.chain, key: first.privateKey });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const serialNow = () =>
      new Promise<string>((resolve, reject) => {
        const { port } = server.address() as AddressInfo;
        const socket = connect({ host: '127.0.0.1', servername: 'localhost', port, ca: first.authority }, () => {
          resolve(socket.getPeerX509Certificate()!.serialNumber);
          socket.destroy();
        });
        socket.once('error', reject);
      });
    const before = await serialNow();
    const renewed = await ensureServerIdentity(folder, ['localhost', 'new.example'], Date.now());
    const { clock, end } = startRenewal([renewed], ({ chain, privateKey }) => {
      server.setSecureContext({ cert: chain, key: privateKey });
    });
    await clock.advance(CERTIFICATE_CHECK_MS);
    expect(await serialNow()).not.toBe(before);
    await end();
    server.close();
    await rm(folder, { recursive: true });
  });
});
