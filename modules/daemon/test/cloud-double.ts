// A cloud with the contract's two faces a daemon talks to: registration and the module registry (cloud.md 2.9). Checks signatures.

import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { listen } from '@wayside/kit';
import { type ProvisionRequest, parseSasToken, sasResourceCovers, verifySasSignature } from '@wayside/protocol';
import { issueLeaf, newKeyPem, selfSignedCa } from '../src/certificates/x509.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

export interface CloudModuleRow {
  moduleId: string;
  managedBy: string;
  deviceId: string;
  generationId: string;
  etag: string;
  authentication: { type: string; symmetricKey?: { primaryKey: string; secondaryKey: string } };
}

export class CloudDouble {
  readonly modules = new Map<string, CloudModuleRow>();
  readonly calls: string[] = [];
  readonly registrations: ProvisionRequest[] = [];
  caPem = '';
  port = 0;
  /** Status given instead of an answer; 0 = cut the connection. */
  failWith: number | undefined;
  registrationKey = 'once';
  #usedNonce: string | undefined;
  #server: Server | undefined;
  readonly deviceId = 'node1';
  readonly deviceKey = Buffer.alloc(32, 3).toString('base64');
  agentImage = '';

  get connectionString(): string {
    return `HostName=localhost;DeviceId=${this.deviceId};SharedAccessKey=${this.deviceKey}`;
  }

  async start(port = 0): Promise<void> {
    if (this.caPem === '') await this.#makeCertificates();
    const server = createServer({ key: this.#keyPem, cert: this.#certPem }, (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        this.calls.push(`${request.method} ${request.url}`);
        if (this.failWith === 0) return request.socket.destroy();
        const body = chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString());
        const [status, answer] = this.failWith
          ? [this.failWith, { message: 'made to fail' }]
          : this.#answer(request.method ?? '', new URL(request.url ?? '', 'https://x'), request.headers, body);
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(answer === undefined ? '' : JSON.stringify(answer));
      });
    });
    this.port = ((await listen(server, { port, host: '127.0.0.1' })) as AddressInfo).port;
    this.#server = server;
  }

  stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    server?.closeAllConnections();
    return new Promise((resolve) => (server === undefined ? resolve() : server.close(() => resolve())));
  }

  #keyPem = '';
  #certPem = '';
  async #makeCertificates(): Promise<void> {
    const notBefore = new Date(Date.now() - DAY_MS);
    const notAfter = new Date(Date.now() + DAY_MS);
    const keyPem = await newKeyPem();
    this.caPem = await selfSignedCa({ keyPem, commonName: 'Cloud CA', notBefore, notAfter });
    const names = [{ type: 'dns' as const, value: 'localhost' }];
    const leaf = await issueLeaf(
      { certPem: this.caPem, keyPem },
      { commonName: 'localhost', names, use: 'server', notBefore, notAfter },
    );
    this.#keyPem = leaf.keyPem;
    this.#certPem = leaf.certPem + this.caPem;
  }

  #answer(method: string, url: URL, headers: { [name: string]: unknown }, body: unknown): [number, unknown?] {
    if (method === 'POST' && url.pathname === '/api/v1/provision') return this.#provision(body as ProvisionRequest);
    const match = /^\/devices\/([^/]+)\/modules(?:\/([^/]+))?$/.exec(url.pathname);
    if (match === null) return [404, { Message: 'no such path' }];
    if (!this.#isAuthorized(String(headers.authorization)))
      return [401, { Message: 'ErrorCode:IotHubUnauthorizedAccess' }];
    if (url.searchParams.get('api-version') !== '2017-11-08-preview') return [400, { Message: 'api-version' }];
    const moduleId = match[2] === undefined ? undefined : decodeURIComponent(match[2]);
    if (moduleId === undefined) return [200, [...this.modules.values()]];
    return this.#module(method, moduleId, headers['if-match'], body as Partial<CloudModuleRow>);
  }

  #module(method: string, moduleId: string, ifMatch: unknown, body: Partial<CloudModuleRow>): [number, unknown?] {
    const row = this.modules.get(moduleId);
    if (method === 'GET') return row === undefined ? [404, { Message: 'no module' }] : [200, row];
    if (method === 'DELETE')
      return this.modules.delete(moduleId) && ifMatch === '*' ? [204] : [404, { Message: 'no module' }];
    if (row !== undefined && ifMatch !== '*') return [409, { Message: 'module exists' }];
    const next: CloudModuleRow = {
      moduleId,
      deviceId: this.deviceId,
      managedBy: body.managedBy ?? '',
      generationId: row?.generationId ?? String(637_000_000_000_000_000n + BigInt(this.modules.size)),
      etag: 'e',
      authentication: body.authentication ?? { type: 'none' },
    };
    this.modules.set(moduleId, next);
    return [200, next];
  }

  #isAuthorized(text: string): boolean {
    const token = parseSasToken(text);
    if (token === undefined || token.se < Date.now() / 1000 || !verifySasSignature(token, this.deviceKey)) return false;
    return sasResourceCovers(token.resource, `localhost/devices/${this.deviceId}`);
  }

  #provision(request: ProvisionRequest): [number, unknown] {
    this.registrations.push(request);
    const refused = (code: string, message: string): [number, unknown] => [403, { error: { code, message } }];
    if (request.registrationKey !== this.registrationKey) return refused('CLOUD_REGISTRATION_KEY_WRONG', 'wrong key');
    if (this.#usedNonce !== undefined && this.#usedNonce !== request.nonce)
      return refused('CLOUD_REGISTRATION_KEY_USED', 'the key was used');
    this.#usedNonce = request.nonce;
    return [
      200,
      {
        iothubHostname: 'localhost',
        deviceId: this.deviceId,
        primaryKey: this.deviceKey,
        mqttPort: 18883,
        httpsPort: this.port,
        caCertificate: this.caPem,
        agentImage: this.agentImage,
      },
    ];
  }
}
