// The commands around the certificate: show, request, import, switch off.

import { EdgeError } from '@wayside/kit';
import { type Command, fieldOf } from '../operate/commands.ts';
import type { CertificateStore } from './certificate-store.ts';
import type { HttpsListener } from './https-listener.ts';

export function certificateCommands(
  store: CertificateStore,
  listener: HttpsListener | null,
): Record<'certificate' | 'requestCertificate' | 'importCertificate' | 'disableTls', Command> {
  const show = async () => ({
    listening: listener?.address ?? null,
    inUse: listener?.facts ?? null,
    problem: listener?.problem ?? null,
    pendingCsr: await store.pendingCsr(),
    history: await store.history(),
  });
  const wanted = (): HttpsListener => {
    if (listener !== null) return listener;
    throw new EdgeError('CACHE_TLS_OFF', 'Cannot do that: there is no HTTPS listener, wanted CACHE_TLS_LISTEN', {
      source: 'config',
    });
  };
  return {
    certificate: async () => ({ status: 200, payload: await show() }),
    async requestCertificate(payload) {
      wanted();
      return { status: 200, payload: await store.request(payload) };
    },
    async importCertificate(payload) {
      const to = wanted();
      const text = typeof payload === 'string' ? payload : fieldOf(payload, 'certificate');
      if (typeof text !== 'string') {
        throw new EdgeError(
          'CACHE_CERTIFICATE_INVALID',
          'Cannot use the certificate: none is given, wanted PEM in `certificate`',
          {
            source: 'downstream',
          },
        );
      }
      await store.import(text);
      await to.look();
      return { status: 200, payload: await show() };
    },
    async disableTls() {
      const to = wanted();
      await store.disable();
      await to.look();
      return { status: 200, payload: await show() };
    },
  };
}
