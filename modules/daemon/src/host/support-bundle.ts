// The support bundle (iotedge.md 5.3) as a zip stream: inspect documents, logs and networks of this node's containers. check.json is added
// by the command line, which runs the checks.

import { Readable } from 'node:stream';
import { describeError, parseTimeArgument, redactSecrets } from '@wayside/kit';
import type { JsonObject } from '@wayside/protocol';
import yazl from 'yazl';
import { framing, unframing } from '../api/log-stream.ts';
import type { BundleQuery } from '../api/management.ts';
import type { ContainerEngine } from '../containers/engine.ts';
import { instanceLabel, LABEL_COMPONENT, LABEL_INSTANCE, LABEL_MODULE } from '../containers/labels.ts';
import { isSystemModule } from '../module-names.ts';
import { redactInspect } from './redact-inspect.ts';

/** Logs from this long ago on, unless the query says otherwise. */
const SINCE_DEFAULT = '1 day';
/** Largest log of one container in a bundle; the newest lines are kept. */
const BUNDLE_LOG_BYTES_MAX = 32 * 1024 * 1024;

/** Lines after the head of a private key that are masked when its end does not come; RSA with 4096 bits has 51. */
const KEY_LINES_MAX = 100;

export interface BundleOptions {
  engine: ContainerEngine;
  instance: string;
  /** Network of the modules. */
  network: string;
  query: BundleQuery;
  signal: AbortSignal;
}

interface Target {
  /** Name in the bundle. */
  name: string;
  id: string;
}

/** Starts at once; files are added while it is read. An object that cannot be read becomes a file that says why. */
export async function supportBundle(o: BundleOptions): Promise<Readable> {
  const zip = new yazl.ZipFile();
  const output = Readable.from(zip.outputStream as Readable, { objectMode: false });
  const targets = await targetsOf(o);
  void fill(zip, targets, o).then(
    () => zip.end(),
    (error) => output.destroy(error as Error),
  );
  return output;
}

async function fill(zip: yazl.ZipFile, targets: Target[], o: BundleOptions): Promise<void> {
  for (const { name, id } of targets) {
    o.signal.throwIfAborted();
    const inspect = await o.engine.inspectRaw(id);
    if (inspect === undefined) continue;
    if (name !== 'aziot-edged') zip.addBuffer(json(redactInspect(inspect)), `inspect/${name}.json`);
    const path = name === 'aziot-edged' ? `logs/${name}.txt` : `logs/${name}_log.txt`;
    zip.addBuffer(await logOf(id, isTty(inspect), o).catch(problem), path);
  }
  zip.addBuffer(await networkOf(o).catch(problem), `network/${o.network}.json`);
  zip.addBuffer(await o.engine.info().then(json).catch(problem), 'docker-info.json');
}

/** Modules of this node and the daemon's own container; with edgeRuntimeOnly only the system modules of them. */
async function targetsOf({ engine, instance, query }: BundleOptions): Promise<Target[]> {
  const ours = await engine.containersWith({ [LABEL_INSTANCE]: instanceLabel(instance) });
  return ours
    .filter(({ labels }) => labels[LABEL_COMPONENT] === 'module' || labels[LABEL_COMPONENT] === 'daemon')
    .map(({ id, names, labels }) => ({
      id,
      name: labels[LABEL_COMPONENT] === 'daemon' ? 'aziot-edged' : (labels[LABEL_MODULE] ?? names[0] ?? id),
    }))
    .filter(({ name }) => !query.edgeRuntimeOnly || name === 'aziot-edged' || isSystemModule(name));
}

async function logOf(id: string, tty: boolean, { engine, query, signal }: BundleOptions): Promise<Buffer> {
  const seconds = (text: string) => Math.floor(parseTimeArgument(text).getTime() / 1000);
  const since = seconds(query.since ?? SINCE_DEFAULT);
  const until = query.until === undefined ? undefined : seconds(query.until);
  const stream = await engine.logs(id, { follow: false, tail: undefined, since, until, timestamps: true }, signal);
  const text = tty ? stream.pipe(framing()).pipe(unframing()) : stream.pipe(unframing());
  return redactLines(await newestBytes(text));
}

async function newestBytes(text: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of text) {
    chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    while (bytes - (chunks[0] as Buffer).length >= BUNDLE_LOG_BYTES_MAX) bytes -= (chunks.shift() as Buffer).length;
  }
  return Buffer.concat(chunks);
}

/** Line by line, so that one line costs no other; a private key has many, and each begins with the engine's time stamp. */
export function redactLines(log: Buffer): Buffer {
  let keyLinesLeft = 0;
  const lines = log
    .toString('utf8')
    .split('\n')
    .map((line) => {
      if (keyLinesLeft > 0) {
        keyLinesLeft = line.includes('-----END ') ? 0 : keyLinesLeft - 1;
        return '[redacted]';
      }
      if (line.includes('PRIVATE KEY-----') && !line.includes('-----END ')) keyLinesLeft = KEY_LINES_MAX;
      return redactSecrets(line);
    });
  return Buffer.from(lines.join('\n'));
}

async function networkOf({ engine, network }: BundleOptions): Promise<Buffer> {
  return json((await engine.inspectNetwork(network)) ?? { missing: network });
}

function isTty(inspect: JsonObject): boolean {
  return (inspect.Config as { Tty?: boolean } | undefined)?.Tty === true;
}

function json(value: unknown): Buffer {
  return Buffer.from(`${JSON.stringify(value, null, 2)}\n`);
}

function problem(error: unknown): Buffer {
  return Buffer.from(`${describeError(error)}\n`);
}
