// A small image registry (Docker Registry HTTP API V2) on the loopback, which the engine takes without TLS. One layer, one file.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { closeServer, listen } from '@wayside/kit';

const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

export class RegistryDouble {
  readonly calls: string[] = [];
  /** Wanted `user:password`; undefined = open to all. */
  credentials: string | undefined;
  port = 0;
  readonly #blobs = new Map<string, Buffer>();
  readonly #manifests = new Map<string, Buffer>();
  #server: Server | undefined;

  async start(port = 0): Promise<void> {
    const server = createServer((request, response) => {
      const [, what, reference] = /^\/v2\/[^/]+\/(manifests|blobs)\/(.+)$/.exec(request.url ?? '') ?? [];
      this.calls.push(`${request.method} ${request.url}`);
      const wanted = this.credentials && `Basic ${Buffer.from(this.credentials).toString('base64')}`;
      if (wanted && request.headers.authorization !== wanted) {
        response.writeHead(401, { 'www-authenticate': 'Basic realm="test"' }).end();
        return;
      }
      if (what === undefined) {
        response.writeHead(request.url === '/v2/' ? 200 : 404).end('{}');
        return;
      }
      const body = (what === 'blobs' ? this.#blobs : this.#manifests).get(reference ?? '');
      if (body === undefined) {
        response.writeHead(404).end('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}');
        return;
      }
      const type = what === 'blobs' ? 'application/octet-stream' : MANIFEST;
      response.writeHead(200, {
        'content-type': type,
        'content-length': body.length,
        'docker-content-digest': digestOf(body),
      });
      response.end(request.method === 'HEAD' ? undefined : body);
    });
    this.port = ((await listen(server, { port, host: '127.0.0.1' })) as AddressInfo).port;
    this.#server = server;
  }

  async stop(): Promise<void> {
    if (this.#server) await closeServer(this.#server, 0);
  }

  /** Makes the tag stand for an image with this text in it; answers the name to pull it by. */
  async push(tag: string, text: string, labels: { [name: string]: string }): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), 'wayside-layer-'));
    await writeFile(join(directory, 'text'), text);
    const tar = execFileSync('tar', ['-cf', '-', '-C', directory, 'text']);
    await rm(directory, { recursive: true });
    const layer = gzipSync(tar);
    const config = Buffer.from(
      JSON.stringify({
        architecture: process.arch === 'x64' ? 'amd64' : process.arch,
        os: 'linux',
        config: { Labels: labels, Cmd: ['/text'] },
        rootfs: { type: 'layers', diff_ids: [digestOf(tar)] },
      }),
    );
    const described = (mediaType: string, bytes: Buffer) => ({
      mediaType,
      size: bytes.length,
      digest: digestOf(bytes),
    });
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MANIFEST,
        config: described('application/vnd.docker.container.image.v1+json', config),
        layers: [described('application/vnd.docker.image.rootfs.diff.tar.gzip', layer)],
      }),
    );
    for (const blob of [config, layer]) this.#blobs.set(digestOf(blob), blob);
    this.#manifests.set(tag, manifest);
    this.#manifests.set(digestOf(manifest), manifest);
    return `127.0.0.1:${this.port}/thing:${tag}`;
  }
}
