// Puts one block blob into the container that a SAS URL names. The URL is a secret: it never reaches a log or an error text.

import { Readable } from 'node:stream';
import { getCACertificates } from 'node:tls';
import { EdgeError } from '@wayside/kit';
import got, { HTTPError } from 'got';
import { invalid } from './method-request.ts';

const UPLOAD_TIMEOUT_MS = 20 * 60_000;
const UPLOAD_RETRIES_MAX = 3;

export interface UploadLink {
  signal: AbortSignal;
  /** PEM besides the system's roots; '' = none. */
  trustBundle: string;
}

/** `sasUrl`: URL of a blob container with its query; https, or http for a storage emulator. */
export function readSasUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // The value itself is a secret and is not shown.
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:'))
    throw invalid('sasUrl', '[secret]', 'the https URL of a blob container');
  return url;
}

/** The blob's URL: the container's path, then the blob name, then the container's query. */
function blobUrl(container: URL, name: string): URL {
  const url = new URL(container);
  const path = name.split('/').map(encodeURIComponent).join('/');
  url.pathname = `${url.pathname.replace(/\/$/, '')}/${path}`;
  return url;
}

/** Uploads and resolves when the store has it. Bytes are retried; a stream is sent once. Throws AGENT_UPLOAD_FAILED. */
export async function uploadBlob(
  container: URL,
  name: string,
  content: Buffer | NodeJS.ReadableStream,
  contentType: string,
  link: UploadLink,
): Promise<void> {
  const headers = { 'x-ms-blob-type': 'BlockBlob', 'x-ms-version': '2021-12-02', 'content-type': contentType };
  try {
    if (Buffer.isBuffer(content)) await putBytes(blobUrl(container, name), content, headers, link);
    else await putBytes(blobUrl(container, name), await collect(content), headers, link);
  } catch (error) {
    const reason = error instanceof HTTPError ? `the store answered ${error.response.statusCode}` : codeOf(error);
    throw new EdgeError('AGENT_UPLOAD_FAILED', `Cannot upload ${name} to ${container.host}: ${reason}`, {
      source: 'upstream',
      retry: 'backoff',
    });
  }
}

async function putBytes(url: URL, body: Buffer, headers: { [name: string]: string }, link: UploadLink) {
  const { signal, trustBundle } = link;
  // The system's roots stay: a store of the operator's own has a public certificate.
  const certificateAuthority = trustBundle === '' ? [] : [trustBundle, ...getCACertificates('default')];
  await got(url, {
    method: 'PUT',
    body,
    headers,
    signal,
    ...(certificateAuthority.length > 0 ? { https: { certificateAuthority } } : {}),
    timeout: { request: UPLOAD_TIMEOUT_MS },
    retry: { limit: UPLOAD_RETRIES_MAX, methods: ['PUT'] },
  });
}

/** A blob PUT needs its length before the first byte. */
const STREAM_BYTES_MAX = 256 * 1024 * 1024;

async function collect(stream: NodeJS.ReadableStream): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let sizeBytes = 0;
  for await (const piece of Readable.from(stream)) {
    sizeBytes += piece.length;
    if (sizeBytes > STREAM_BYTES_MAX) throw new RangeError(`more than ${STREAM_BYTES_MAX} bytes`);
    pieces.push(Buffer.from(piece));
  }
  return Buffer.concat(pieces);
}

function codeOf(error: unknown): string {
  const { code, name } = error as { code?: unknown; name?: string };
  if (error instanceof RangeError) return error.message;
  return typeof code === 'string' ? code : (name ?? 'unknown error');
}
