// The daemon's workload API as the hub and the SDK use it, on a unix socket, with real keys and a real CA.

import { createCipheriv, createDecipheriv, createHash, createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import { listen } from '@wayside/kit';
import type { TestCa } from '@wayside/kit/test-certificates';

export interface TestWorkload {
  uri: string;
  /** base64 key of a module. */
  keyOf(moduleId: string): string;
  issued: string[];
  close(): Promise<void>;
}

export async function serveWorkload(socketPath: string, ca: TestCa, certificateMs = 86_400_000): Promise<TestWorkload> {
  const secret = createHash('sha256').update('vault').digest();
  const keyOf = (moduleId: string) => createHash('sha256').update(`key of ${moduleId}`).digest('base64');
  const issued: string[] = [];
  const answers: { [call: string]: (moduleId: string, body: { [name: string]: string }) => object | Promise<object> } =
    {
      sign: (moduleId, { data }) => ({
        digest: createHmac('sha256', Buffer.from(keyOf(moduleId), 'base64'))
          .update(Buffer.from(data!, 'base64'))
          .digest('base64'),
      }),
      encrypt: (_moduleId, { plaintext, initializationVector }) => {
        const cipher = createCipheriv('aes-256-ctr', secret, Buffer.from(initializationVector!, 'base64'));
        return {
          ciphertext: Buffer.concat([cipher.update(Buffer.from(plaintext!, 'base64')), cipher.final()]).toString(
            'base64',
          ),
        };
      },
      decrypt: (_moduleId, { ciphertext, initializationVector }) => {
        const cipher = createDecipheriv('aes-256-ctr', secret, Buffer.from(initializationVector!, 'base64'));
        return {
          plaintext: Buffer.concat([cipher.update(Buffer.from(ciphertext!, 'base64')), cipher.final()]).toString(
            'base64',
          ),
        };
      },
      'certificate/server': async (moduleId, { commonName }) => {
        issued.push(commonName!);
        const { chain, privateKey } = await ca.issue([commonName!, moduleId.replace('$', '')], certificateMs);
        return {
          certificate: chain,
          privateKey: { type: 'key', bytes: privateKey },
          expiration: new Date(Date.now() + certificateMs).toISOString(),
        };
      },
    };
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const url = new URL(request.url!, 'http://x');
    const send = (status: number, body: object) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    if (!url.searchParams.has('api-version')) return send(400, { message: 'api-version is missing' });
    if (url.pathname === '/trust-bundle') return send(200, { certificate: ca.pem });
    const match = /^\/modules\/([^/]+)\/genid\/[^/]+\/(.+)$/.exec(decodeURIComponent(url.pathname));
    const answer = match && answers[match[2]!];
    if (!answer) return send(404, { message: 'not found' });
    send(
      match[2] === 'certificate/server' ? 201 : 200,
      await answer(match[1]!, JSON.parse(Buffer.concat(chunks).toString())),
    );
  });
  await listen(server, { path: socketPath });
  return {
    uri: `unix://${socketPath}`,
    keyOf,
    issued,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
