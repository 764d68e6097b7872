// Builds the portal's bundle with esbuild: modules/cloud/src/portal/client -> modules/cloud/dist/portal, hashed names, each file also as .gz and .br.
// `npm run portal:build`. The same sources give the same files; a cloud that runs keeps those it has read.

import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build } from 'esbuild';

/** What a viewer's first visit may cost (issue: the portal). */
const SCRIPT_GZIP_BYTES_MAX = 60 * 1024;

const FOLDER_MODE = 0o755;

const cloud = join(import.meta.dirname, '../modules/cloud');
const client = join(cloud, 'src/portal/client');
const target = join(cloud, 'dist/portal');

mkdirSync(join(cloud, 'dist'), { recursive: true });
const work = mkdtempSync(join(cloud, 'dist/.portal-'));
// A temporary folder is its maker's alone; the image's user has to read this one.
chmodSync(work, FOLDER_MODE);
try {
  const { metafile } = await build({
    entryPoints: [join(client, 'app.ts'), join(client, 'portal.css'), join(client, 'icon.svg')],
    outdir: work,
    bundle: true,
    splitting: true,
    format: 'esm',
    target: ['es2023', 'chrome120', 'firefox121', 'safari17'],
    minify: true,
    metafile: true,
    entryNames: '[name]-[hash]',
    chunkNames: 'part-[hash]',
    loader: { '.svg': 'copy' },
    absWorkingDir: cloud,
    legalComments: 'none',
  });
  const entries: { [entry: string]: string } = {};
  for (const [path, { entryPoint }] of Object.entries(metafile.outputs)) {
    if (entryPoint) entries[basename(entryPoint).replace(/\.ts$/, '.js')] = basename(path);
  }
  let scriptBytes = 0;
  for (const name of readdirSync(work)) {
    const content = readFileSync(join(work, name));
    const gzip = gzipSync(content, { level: 9 });
    writeFileSync(join(work, `${name}.gz`), gzip);
    writeFileSync(
      join(work, `${name}.br`),
      brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }),
    );
    if (name.endsWith('.js')) scriptBytes += gzip.length;
    console.log(`${name}: ${content.length} bytes, gzip ${gzip.length}`);
  }
  if (scriptBytes > SCRIPT_GZIP_BYTES_MAX)
    throw new Error(`The scripts are ${scriptBytes} bytes gzip, at most ${SCRIPT_GZIP_BYTES_MAX}`);
  writeFileSync(join(work, 'entries.json'), JSON.stringify(entries));
  rmSync(target, { recursive: true, force: true });
  try {
    renameSync(work, target);
  } catch (error) {
    // Another build was here in between: of the same sources, so the same files.
    if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
