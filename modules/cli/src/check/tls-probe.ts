// Connects to a TLS port and says whether the handshake succeeds: from this process, or as a program text for a container of the node.
// The certificate must be signed by the given CA (or the system's roots) and be made for the name.

import type { X509Certificate } from 'node:crypto';
import { request } from 'node:http';
import type { Socket } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';

const PROBE_TIMEOUT_MS = 10_000;

export interface TlsTarget {
  /** Name the certificate must carry. */
  servername: string;
  /** Where to connect; the name itself, or an address from the node's own host list. */
  host: string;
  port: number;
  /** PEM; undefined = the system's roots. */
  ca: string | undefined;
  /** http://[user:password@]host:port, for CONNECT. */
  proxy?: string | undefined;
}

/** Resolves with the server's certificate after a full, verified handshake; rejects with the reason. */
export async function probeTls(target: TlsTarget): Promise<X509Certificate> {
  const tunnel = target.proxy ? await connectThroughProxy(target.proxy, target.host, target.port) : undefined;
  const socket = await handshake(target, tunnel);
  const certificate = socket.getPeerX509Certificate();
  socket.destroy();
  if (certificate === undefined) throw new Error('the server showed no certificate');
  return certificate;
}

function handshake(target: TlsTarget, tunnel: Socket | undefined): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...(tunnel === undefined ? { host: target.host, port: target.port } : { socket: tunnel }),
      servername: target.servername,
      ...(target.ca === undefined ? {} : { ca: target.ca }),
      timeout: PROBE_TIMEOUT_MS,
    });
    socket.once('secureConnect', () => resolve(socket));
    socket.once('timeout', () => socket.destroy(new Error(`no answer within ${PROBE_TIMEOUT_MS} ms`)));
    socket.once('error', reject);
  });
}

function connectThroughProxy(proxy: string, host: string, port: number): Promise<Socket> {
  const url = new URL(proxy);
  const credentials =
    url.username === '' ? undefined : `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return new Promise((resolve, reject) => {
    const call = request({
      host: url.hostname,
      port: Number(url.port || 80),
      method: 'CONNECT',
      path: `${host}:${port}`,
      timeout: PROBE_TIMEOUT_MS,
      ...(credentials === undefined
        ? {}
        : { headers: { 'proxy-authorization': `Basic ${Buffer.from(credentials).toString('base64')}` } }),
    });
    call.once('connect', (response, socket) => {
      if (response.statusCode === 200) resolve(socket as Socket);
      else {
        socket.destroy();
        reject(new Error(`the proxy ${url.host} answered ${response.statusCode}`));
      }
    });
    call.once('timeout', () =>
      call.destroy(new Error(`the proxy ${url.host} did not answer within ${PROBE_TIMEOUT_MS} ms`)),
    );
    call.once('error', reject);
    call.end();
  });
}

/** What a diagnostics container is asked (environment variable WAYSIDE_PROBE) and what it answers (one line of JSON). */
export interface ContainerProbe {
  targets: { name: string; host: string; port: number; ca?: string | undefined }[];
  /** Path of the management socket in the container. */
  managementSocket?: string;
}
export interface ContainerProbeAnswer {
  nowMs: number;
  /** target name -> '' when it worked, else the reason. */
  targets: { [name: string]: string };
  management: string;
}

/** Runs on the Node of our images; plain JavaScript without imports of ours, because it is handed over as text. */
export const CONTAINER_PROBE_PROGRAM = `
const tls = require('node:tls'), http = require('node:http');
const probe = JSON.parse(process.env.WAYSIDE_PROBE);
const reach = (t) => new Promise((done) => {
  const socket = tls.connect({ host: t.host, port: t.port, servername: t.host, ...(t.ca ? { ca: t.ca } : {}), timeout: ${PROBE_TIMEOUT_MS} });
  const end = (text) => { socket.destroy(); done([t.name, text]); };
  socket.once('secureConnect', () => end(''));
  socket.once('timeout', () => end('no answer within ${PROBE_TIMEOUT_MS} ms'));
  socket.once('error', (e) => end(e.message || e.code || String(e)));
});
const manage = () => new Promise((done) => {
  if (!probe.managementSocket) return done('');
  const call = http.get({ socketPath: probe.managementSocket, path: '/systeminfo?api-version=2020-07-07', timeout: ${PROBE_TIMEOUT_MS} }, (r) => {
    r.resume();
    done(r.statusCode === 200 ? '' : 'the management socket answered ' + r.statusCode);
  });
  call.once('timeout', () => call.destroy(new Error('no answer within ${PROBE_TIMEOUT_MS} ms')));
  call.once('error', (e) => done(e.message));
});
Promise.all([Promise.all(probe.targets.map(reach)), manage()]).then(([targets, management]) => {
  console.log(JSON.stringify({ nowMs: Date.now(), targets: Object.fromEntries(targets), management }));
  process.exit(0);
});
`;
