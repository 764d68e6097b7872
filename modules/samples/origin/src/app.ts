// The routes of the origin: two fixed test objects, generated objects of any size, and the counters.

import express, { type Express, type Request, type Response } from 'express';
import { Pacer } from './pacer.ts';
import { patternBytes, seedOf } from './pattern-bytes.ts';
import { type OriginObject, serveObject } from './serve-object.ts';
import { Stats } from './stats.ts';
import { GIF_BYTES, makeGif, makePng } from './test-images.ts';

export const GIF_PATH = '/mscomtest/wuidt.gif';
export const PNG_PATH = '/filestreamingservice/files/7bc846e0-af9c-49be-a03d-bb04428c9bb5/Microsoft.png';
/** Largest generated object. */
export const OBJECT_BYTES_MAX = 4 * 1024 ** 3;

export interface AppOptions {
  /** Bytes a second for all answers together. */
  rateBytesPerSec?: number | undefined;
  nowMs?: () => number;
}

/** The express app; `GET /bytes/{size}/{name}`, `GET /__stats`, `POST /__stats/reset`, `GET /__healthz`. */
export function createApp({ rateBytesPerSec, nowMs = Date.now }: AppOptions = {}): Express {
  const app = express();
  const stats = new Stats();
  const pacer = rateBytesPerSec === undefined ? undefined : new Pacer(rateBytesPerSec);
  app.disable('x-powered-by');
  app.disable('etag');

  app.get('/__stats', (_req, res) => {
    res.set('Cache-Control', 'no-store').json(stats.snapshot());
  });
  app.post('/__stats/reset', (_req, res) => {
    stats.reset();
    res.status(204).end();
  });
  // Health probes are no traffic and do not count.
  app.get('/__healthz', (_req, res) => {
    res.set('Cache-Control', 'no-store').send('ok\n');
  });

  const serve = async (req: Request, res: Response, object: OriginObject | undefined) => {
    const entry = stats.begin({
      atUtc: new Date(nowMs()).toISOString(),
      method: req.method,
      host: req.get('host') ?? '',
      path: req.path,
      query: req.originalUrl.split('?').slice(1).join('?'),
      headers: req.headers,
    });
    if (object === undefined) res.status(404).type('text/plain').send('Not found\n');
    else await serveObject(req, res, object, { pacer, onBytes: entry.sent });
    entry.status(res.statusCode);
  };

  const gif = fixedObject('image/gif', makeGif(GIF_BYTES));
  const png = fixedObject('image/png', makePng());
  app.get(GIF_PATH, (req, res) => serve(req, res, gif));
  app.get(PNG_PATH, (req, res) => serve(req, res, png));
  app.get('/bytes/:size/:name', (req, res) => serve(req, res, generatedObject(req.params.size, req.params.name)));
  app.use((req, res) => serve(req, res, undefined));
  return app;
}

function fixedObject(contentType: string, bytes: Buffer): OriginObject {
  return {
    sizeBytes: bytes.length,
    contentType,
    etag: etagOf(contentType, bytes.length),
    read: (start, length) => bytes.subarray(start, start + length),
  };
}

/** undefined when size or name are out of bounds. */
export function generatedObject(sizeText: string, name: string): OriginObject | undefined {
  const sizeBytes = Number(sizeText);
  if (!/^\d{1,10}$/.test(sizeText) || sizeBytes > OBJECT_BYTES_MAX) return undefined;
  if (!/^[A-Za-z0-9._-]{1,128}$/.test(name)) return undefined;
  const seed = seedOf(name);
  return {
    sizeBytes,
    contentType: 'application/octet-stream',
    etag: etagOf(name, sizeBytes),
    read: (start, length) => patternBytes(seed, start, length),
  };
}

function etagOf(name: string, sizeBytes: number): string {
  const { low, high } = seedOf(name);
  return `"${sizeBytes.toString(16)}-${high.toString(16)}${low.toString(16)}"`;
}
