// The time according to someone else: the Date header of an HTTPS server, or an SNTP server (RFC 4330).

import { createSocket } from 'node:dgram';
import { request } from 'node:https';
import type { TlsTarget } from './tls-probe.ts';

const TIMEOUT_MS = 10_000;
const NTP_PORT = 123;
const NTP_PACKET_BYTES = 48;
/** Leap indicator 0, version 4, mode 3 (client). */
const NTP_CLIENT_HEADER = 0x23;
/** Offset of the transmit timestamp. */
const NTP_TRANSMIT_AT = 40;
/** Seconds from 1900 to 1970. */
const NTP_EPOCH_SECS = 2_208_988_800;

/** Milliseconds since 1970, exact to a second. The certificate must be valid as in probeTls. */
export function httpsDateMs(target: TlsTarget): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = request(
      {
        host: target.host,
        port: target.port,
        servername: target.servername,
        ...(target.ca === undefined ? {} : { ca: target.ca }),
        method: 'HEAD',
        path: '/',
        headers: { host: `${target.servername}:${target.port}` },
        timeout: TIMEOUT_MS,
        agent: false,
      },
      (response) => {
        response.resume();
        const atMs = Date.parse(response.headers.date ?? '');
        if (Number.isNaN(atMs)) reject(new Error(`${target.servername} answered without a Date header`));
        // The header is cut to whole seconds: the middle of that second is the best guess.
        else resolve(atMs + 500);
      },
    );
    call.once('timeout', () => call.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
    call.once('error', reject);
    call.end();
  });
}

/** Milliseconds since 1970 from `host[:port]`. */
export function sntpTimeMs(server: string): Promise<number> {
  const { hostname, port } = new URL(`ntp://${server}`);
  const packet = Buffer.alloc(NTP_PACKET_BYTES);
  packet[0] = NTP_CLIENT_HEADER;
  const socket = createSocket('udp4');
  return new Promise<number>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${server} did not answer within ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
    socket.once('error', reject);
    socket.on('message', (answer) => {
      clearTimeout(timer);
      if (answer.length < NTP_PACKET_BYTES)
        return reject(new Error(`${server} sent ${answer.length} bytes, wanted ${NTP_PACKET_BYTES}`));
      const secs = answer.readUInt32BE(NTP_TRANSMIT_AT);
      const fraction = answer.readUInt32BE(NTP_TRANSMIT_AT + 4) / 2 ** 32;
      resolve((secs - NTP_EPOCH_SECS + fraction) * 1000);
    });
    socket.send(packet, Number(port || NTP_PORT), hostname, (error) => {
      if (error !== null) reject(error);
    });
    socket.once('close', () => clearTimeout(timer));
  }).finally(() => socket.close());
}
