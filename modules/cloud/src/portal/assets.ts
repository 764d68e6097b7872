// The portal's bundle (scripts/build-portal.ts): read once at start, served compressed from memory, never changing under its hashed name.

import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Logger } from '@wayside/kit';
import type { RequestHandler } from 'express';

const FOLDER = fileURLToPath(new URL('../../dist/portal/', import.meta.url));
const TYPES: { readonly [ending: string]: string } = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
};

interface Asset {
  type: string;
  plain: Buffer;
  gzip: Buffer | undefined;
  brotli: Buffer | undefined;
}

export interface Assets {
  /** Address of an entry, e.g. `app.js`; undefined where the bundle was not built. */
  hrefOf(entry: string): string | undefined;
  /** Serves `/:file`. */
  serve: RequestHandler;
}

export function loadAssets(base: string, logger: Logger, folder = FOLDER): Assets {
  const assets = new Map<string, Asset>();
  let entries: { [entry: string]: string } = {};
  try {
    entries = JSON.parse(readFileSync(`${folder}entries.json`, 'utf8'));
    const names = readdirSync(folder);
    const read = (name: string) => (names.includes(name) ? readFileSync(folder + name) : undefined);
    for (const name of names) {
      const type = TYPES[name.split('.').at(-1) ?? ''];
      const plain = type === undefined ? undefined : read(name);
      if (type && plain) assets.set(name, { type, plain, gzip: read(`${name}.gz`), brotli: read(`${name}.br`) });
    }
  } catch {
    logger.warn('The portal has no scripts and no styles: its bundle is not built (npm run portal:build)', { folder });
  }
  return {
    hrefOf: (entry) => (entries[entry] === undefined ? undefined : `${base}/${entries[entry]}`),
    serve: (request, response, next) => {
      const asset = assets.get(String(request.params.file));
      if (!asset) return next();
      response.set({
        'content-type': asset.type,
        'cache-control': 'public, max-age=31536000, immutable',
        vary: 'accept-encoding',
      });
      const accepted = request.acceptsEncodings(['br', 'gzip', 'identity']);
      const coded = accepted === 'br' ? asset.brotli : accepted === 'gzip' ? asset.gzip : undefined;
      if (coded) response.set('content-encoding', String(accepted));
      response.end(coded ?? asset.plain);
    },
  };
}
