// Looks at the certificate that edgeHub shows to modules and leaf devices.

import type { X509Certificate } from 'node:crypto';
import { connect } from 'node:tls';
import { type Check, failure, OK, SKIPPED, warning } from '../check.ts';
import { daysLeft } from './configuration.ts';

const HUB_MQTT_PORT = 8883;
const CONNECT_TIMEOUT_MS = 5_000;
/** Leafs renew themselves at 80 % of their life; one this near its end has not. */
const LEAF_WARNING_DAYS = 1;
const CA_WARNING_DAYS = 30;

export const gatewayCertificateExpiry: Check = {
  id: 'edge-ca-certificate-expiry',
  description: "production readiness: Edge CA and edgeHub's server certificate expiry",
  async run(context, note) {
    const [hub, config] = [await context.moduleContainer('edgeHub'), await context.config()];
    if (hub === undefined || config === undefined || !hub.State.Running) return SKIPPED;
    const address = Object.values(hub.NetworkSettings.Networks).find((n) => n.IPAddress !== '')?.IPAddress;
    if (address === undefined) return failure('edgeHub runs but has no address on any network.');
    let chain: X509Certificate[];
    try {
      chain = await shownChain(address, config.hostname);
    } catch (error) {
      return failure(`edgeHub shows no certificate at ${address}:${HUB_MQTT_PORT}.`, error);
    }
    note({ chain: chain.map((c) => ({ subject: c.subject, valid_to: c.validTo })) });
    const nowMs = context.settings.clock.nowMs();
    const words = (c: X509Certificate): string => `${c.subject.replaceAll('\n', ', ')} (until ${c.validTo})`;
    const ended = chain.filter((c) => daysLeft(c, nowMs) < 0);
    if (ended.length > 0) return failure(`No module can connect to edgeHub: ended is ${ended.map(words).join('; ')}`);
    if (chain[0]?.checkHost(config.hostname) === undefined)
      return failure(`The certificate of edgeHub is not made for "${config.hostname}": ${chain[0]?.subjectAltName}`);
    const soon = chain.filter((c, i) => daysLeft(c, nowMs) < (i === 0 ? LEAF_WARNING_DAYS : CA_WARNING_DAYS));
    return soon.length === 0 ? OK : warning(`Soon to end: ${soon.map(words).join('; ')}`);
  },
};

/** Leaf first. The chain is only looked at, nothing is sent to this server: verification would hide an expired one. */
function shownChain(host: string, servername: string): Promise<X509Certificate[]> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port: HUB_MQTT_PORT,
      servername,
      rejectUnauthorized: false,
      timeout: CONNECT_TIMEOUT_MS,
    });
    socket.once('secureConnect', () => {
      const chain: X509Certificate[] = [];
      const seen = new Set<string>();
      for (
        let c = socket.getPeerX509Certificate();
        c !== undefined && !seen.has(c.fingerprint256);
        c = c.issuerCertificate
      ) {
        seen.add(c.fingerprint256);
        chain.push(c);
      }
      socket.destroy();
      resolve(chain);
    });
    socket.once('timeout', () => socket.destroy(new Error(`no answer within ${CONNECT_TIMEOUT_MS} ms`)));
    socket.once('error', reject);
  });
}
