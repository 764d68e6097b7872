// One run of the property test: a seed becomes a plan of steps, several workers carry them out at once against a cache in its own process, and
// every answer is judged by the model. The plan repeats with its seed; the interleaving is the machine's.

import { type FileHandle, mkdir, mkdtemp, open, readdir, rm, stat } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CacheProcess } from './cache-process.ts';
import { randomOf } from './corpus/generate.ts';
import { type Answer, type Asked, CacheModel, type PathModel } from './property-model.ts';
import { TestOrigin } from './test-origin.ts';

const HOST = 'content.example';
const PATHS = 36;
const WORKERS = 6;
/** Far less than all objects together. */
const DRIVE_GB = 0.024;
const MIB = 1024 * 1024;
const OBJECT_BYTES_MAX = 3 * MIB;
/** An open breaker tries its origin again after 30 s at the latest. */
const RECOVERY_MS_MAX = 90_000;
const RECOVERY_POLL_MS = 200;
/** Unit of stat's blocks. */
const PAGE_BYTES = 4096;
const STAT_BLOCK_BYTES = 512;
const STEPS_SHOWN = 40;
const REQUEST_TIMEOUT_MS = 60_000;

type Random = (below: number) => number;
type Step = (run: PropertyRun, random: Random) => Promise<void>;

export class PropertyRun {
  readonly seed: number;
  readonly model = new CacheModel();
  readonly origin = new TestOrigin();
  readonly done = {
    requests: 0,
    whole: 0,
    broken: 0,
    errors: 0,
    changes: 0,
    purges: 0,
    crashes: 0,
    stops: 0,
    flips: 0,
    hits: 0,
  };
  cache!: CacheProcess;
  /** Grows with each end of the cache's process: who began before may have been cut off. */
  generation = 0;
  #directory = '';
  #restarting: Promise<void> | null = null;
  readonly #random: Random;
  readonly #steps: string[] = [];

  constructor(seed: number) {
    this.seed = seed;
    this.#random = randomOf(seed);
  }

  async start(): Promise<void> {
    await this.origin.start();
    this.#directory = await mkdtemp(join(tmpdir(), 'wayside-property-'));
    await mkdir(join(this.#directory, 'drive'));
    for (let i = 0; i < PATHS; i += 1) this.change(`/o${i}`, this.#random);
    await this.#launch();
  }

  async stop(): Promise<void> {
    await this.cache?.kill();
    await this.origin.stop();
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #launch(): Promise<void> {
    this.cache = await CacheProcess.start({
      CACHE_DRIVES: `${join(this.#directory, 'drive')},${DRIVE_GB}`,
      // Everything on one thread, or delivery threads beside the engine: both must hold.
      CACHE_THREADS: String(1 + (this.seed % 2)),
      CACHEABLE_CUSTOM_1_HOST: HOST,
      CACHEABLE_CUSTOM_1_URL: this.origin.url,
    });
  }

  /** Carries out steps until the time is over, then makes the origin well and looks at everything once more. */
  async work(forMs: number): Promise<void> {
    const endMs = performance.now() + forMs;
    const worker = async () => {
      while (performance.now() < endMs) await this.#step();
    };
    await Promise.all(Array.from({ length: WORKERS }, worker));
    for (const path of this.model.paths.keys()) this.#heal(path);
    for (const path of this.model.paths.keys()) {
      // A stored part of a former version ends one try short, and the breaker may be open for a while after so much trouble.
      const endMs = performance.now() + RECOVERY_MS_MAX;
      let answer: Answer | undefined;
      while (!(answer?.status === 200 && answer.isWhole)) {
        if (performance.now() > endMs)
          throw this.failure(`${path} in the end: status ${answer?.status}, whole ${answer?.isWhole}`);
        if (answer !== undefined) await sleep(RECOVERY_POLL_MS);
        answer = await this.ask(path, { method: 'GET', ranges: [] });
      }
    }
  }

  async #step(): Promise<void> {
    await this.#restarting;
    const step = BY_WEIGHT[this.#random(BY_WEIGHT.length)] as Step;
    // Each step draws from a generator of its own: what one step needs does not shift the rest of the plan.
    const random = randomOf(this.#random(0x7fffffff));
    await step(this, random);
  }

  failure(why: string): Error {
    return new Error(
      `${why}\nreplay with SEED=${this.seed}; the last steps were\n${this.#steps.slice(-STEPS_SHOWN).join('\n')}\n${this.cache?.output}`,
    );
  }

  note(text: string): void {
    this.#steps.push(text);
    if (this.#steps.length > STEPS_SHOWN * 4) this.#steps.splice(0, STEPS_SHOWN * 2);
  }

  aPath(random: Random): PathModel {
    // A few paths are asked for most of the time.
    const i = random(3) === 0 ? random(PATHS) : random(8);
    return this.model.paths.get(`/o${i}`) as PathModel;
  }

  change(path: string, random: Random): void {
    const kind = random(4);
    const size =
      kind === 0 ? random(2000) : kind === 1 ? random(200_000) : MIB * random(3) + random(OBJECT_BYTES_MAX - 2 * MIB);
    const { etag, body } = this.model.change(path, random(0x7fffffff), size);
    const cacheControl = ['max-age=600', 'max-age=600', 'max-age=0', 'max-age=1'][random(4)] as string;
    this.origin.add(path, 0, { body, etag, cacheControl });
    this.done.changes += 1;
    this.note(`${path} becomes ${etag}, ${size} bytes, ${cacheControl}`);
  }

  /** The origin misbehaves for this path until it changes or the run ends. */
  trouble(path: string, random: Random): void {
    const object = this.origin.objects.get(path);
    if (object === undefined) return;
    const half = Math.floor(object.body.length / 2);
    const troubles = [
      { cutAfterBytes: random(half + 1), cuts: 1 + random(3) },
      { cutAfterBytes: random(half + 1), cuts: 1000 },
      // With a lifetime it would be kept, rightly, beyond the trouble.
      { status: 503, cacheControl: null },
      { noRanges: true },
      { noRanges: true, chunked: true },
      { bytesPerSec: 2 * MIB },
    ];
    const trouble = troubles[random(troubles.length)] as object;
    Object.assign(object, trouble);
    this.note(`${path} in trouble: ${JSON.stringify(trouble)}`);
  }

  #heal(path: string): void {
    const object = this.origin.objects.get(path);
    if (object !== undefined)
      this.origin.objects.set(path, { body: object.body, etag: object.etag as string, cacheControl: 'max-age=600' });
  }

  /** undefined when the process ended under it. */
  async ask(path: string, wish: Omit<Asked, 'oldestValid' | 'newestSeen'>): Promise<Answer | undefined> {
    const model = this.model.paths.get(path) as PathModel;
    const asked: Asked = { ...wish, oldestValid: model.oldestValid, newestSeen: model.newestSeen };
    const { generation } = this;
    this.note(`${wish.method} ${path} ${JSON.stringify({ ...wish, method: undefined })}`);
    const answer = await fetchAll(this.cache.content, path, wish).catch(() => undefined);
    if (answer === undefined) {
      // What is asked while the process is being ended may find it gone before its end is heard of.
      const isEnding = this.#restarting !== null || generation !== this.generation;
      if (!isEnding && this.cache.isRunning) throw this.failure(`${path}: the connection was closed without an answer`);
      return undefined;
    }
    // A kill may let an older stored version come back.
    if (generation !== this.generation) asked.newestSeen = 0;
    const wrong = this.model.judge(model, asked, answer);
    if (wrong !== undefined) throw this.failure(`${path} (${JSON.stringify(wish)}): ${wrong}`);
    this.#count(model, answer, generation);
    return answer;
  }

  #count(model: PathModel, { status, isWhole, headers }: Answer, generation: number): void {
    this.done.requests += 1;
    if (status >= 500) this.done.errors += 1;
    else if (isWhole) this.done.whole += 1;
    else this.done.broken += 1;
    if (headers['x-cache'] === 'HIT') this.done.hits += 1;
    const seen = model.versions.find(({ etag }) => etag === headers.etag)?.number ?? 0;
    if (isWhole && generation === this.generation) model.newestSeen = Math.max(model.newestSeen, seen);
  }

  async purge(path: string): Promise<void> {
    const model = this.model.paths.get(path) as PathModel;
    const current = model.versions.length - 1;
    const { generation, cache } = this;
    this.note(`purge ${path}`);
    const status = await post(cache.operations, '/purge', { urls: [`http://${HOST}${path}`] }).catch(() => 0);
    if (status === 200) {
      model.oldestValid = Math.max(model.oldestValid, current);
      this.done.purges += 1;
      this.note(`purged ${path} below version ${current}`);
    } else if (generation === this.generation && cache.isRunning)
      throw this.failure(`purge of ${path}: status ${status}`);
  }

  /** Ends the process and starts it again; while it is down bits may rot. */
  async restart(signal: 'SIGKILL' | 'SIGTERM', flips: number, random: Random): Promise<void> {
    if (this.#restarting !== null) return this.#restarting;
    this.#restarting = (async () => {
      this.note(`${signal}, ${flips} bytes flipped`);
      this.generation += 1;
      await this.cache.kill(signal);
      for (let i = 0; i < flips; i += 1) await this.#flip(random);
      await this.#launch();
      this.generation += 1;
      for (const model of this.model.paths.values()) model.newestSeen = 0;
      if (signal === 'SIGKILL') this.done.crashes += 1;
      else this.done.stops += 1;
    })().finally(() => {
      this.#restarting = null;
    });
    return this.#restarting;
  }

  /** What lies on the drive by the file system's own account, and what may lie there. */
  async driveBytes(): Promise<{ used: number; cap: number }> {
    const entries = await readdir(join(this.#directory, 'drive'), { recursive: true, withFileTypes: true });
    let used = 0;
    for (const entry of entries) {
      const found = await stat(join(entry.parentPath, entry.name)).catch(() => undefined);
      used += (found?.blocks ?? 0) * STAT_BLOCK_BYTES;
    }
    return { used, cap: DRIVE_GB * 1e9 };
  }

  async #flip(random: Random): Promise<void> {
    const drive = join(this.#directory, 'drive');
    const folders = ['objects', 'slabs'].map((name) =>
      readdir(join(drive, name), { recursive: true, withFileTypes: true }),
    );
    const files = (await Promise.all(folders)).flat().filter((entry) => entry.isFile());
    const file = files[random(Math.max(1, files.length))];
    if (file === undefined) return;
    const handle = await open(join(file.parentPath, file.name), 'r+');
    const { size } = await handle.stat();
    // Where a slab is not a hole: a byte written there would take room that nobody knows of.
    const at = file.parentPath.endsWith('slabs') ? await dataIn(handle, random) : random(Math.max(1, size));
    if (at === undefined) return handle.close();
    const byte = Buffer.alloc(1);
    await handle.read(byte, 0, 1, at);
    byte[0] = (byte[0] as number) ^ (1 << random(8));
    if (at < size) await handle.write(byte, 0, 1, at);
    await handle.close();
    this.done.flips += 1;
  }
}

function aRange(size: number, random: Random): [number, number | undefined] {
  const kind = random(5);
  if (kind === 0) return [-(1 + random(size + 10)), undefined];
  const first = random(size + 5);
  return kind === 1 ? [first, undefined] : [first, first + random(kind === 2 ? 1000 : size + 10)];
}

/** Offset of a byte that is not in a hole, undefined when there is none. */
async function dataIn(file: FileHandle, random: Random): Promise<number | undefined> {
  const bytes = await file.readFile();
  const pages: number[] = [];
  for (let at = 0; at < bytes.length; at += PAGE_BYTES)
    if (bytes.subarray(at, at + PAGE_BYTES).some((byte) => byte !== 0)) pages.push(at);
  const page = pages[random(Math.max(1, pages.length))];
  return page === undefined ? undefined : page + random(Math.min(PAGE_BYTES, bytes.length - page));
}

/** Ascending, with a gap between each two, so that none can be joined. */
function someRanges(size: number, random: Random): [number, number | undefined][] {
  const stride = Math.floor(size / 4);
  return stride < 10 ? [[0, 0]] : [0, 1, 3].map((i) => [i * stride, i * stride + random(stride - 5)]);
}

const sizeOf = ({ versions }: PathModel) => versions.at(-1)?.body.length ?? 0;

/** How often, and what. */
const STEPS: readonly [weight: number, step: Step][] = [
  [24, async (run, random) => void (await run.ask(run.aPath(random).path, { method: 'GET', ranges: [] }))],
  [
    32,
    async (run, random) => {
      const model = run.aPath(random);
      await run.ask(model.path, { method: 'GET', ranges: [aRange(sizeOf(model), random)] });
    },
  ],
  [
    5,
    async (run, random) => {
      const model = run.aPath(random);
      await run.ask(model.path, { method: 'GET', ranges: someRanges(sizeOf(model), random) });
    },
  ],
  [6, async (run, random) => void (await run.ask(run.aPath(random).path, { method: 'HEAD', ranges: [] }))],
  [
    6,
    async (run, random) => {
      const model = run.aPath(random);
      const { etag } = model.versions[random(model.versions.length)] as { etag: string };
      await run.ask(model.path, { method: 'GET', ranges: [], ifNoneMatch: etag });
    },
  ],
  [
    6,
    async (run, random) => {
      const model = run.aPath(random);
      const { etag } = model.versions[random(model.versions.length)] as { etag: string };
      await run.ask(model.path, { method: 'GET', ranges: [[0, random(sizeOf(model) + 1)]], ifRange: etag });
    },
  ],
  [8, async (run, random) => run.change(run.aPath(random).path, random)],
  [5, async (run, random) => run.trouble(run.aPath(random).path, random)],
  [4, (run, random) => run.purge(run.aPath(random).path)],
  [1, (run, random) => run.restart(random(3) === 0 ? 'SIGTERM' : 'SIGKILL', random(4), random)],
];

/** Each step as often as it weighs. */
const BY_WEIGHT: readonly Step[] = STEPS.flatMap(([weight, step]) => Array<Step>(weight).fill(step));

function fetchAll(port: number, path: string, wish: Omit<Asked, 'oldestValid' | 'newestSeen'>): Promise<Answer> {
  const headers: Record<string, string> = { Host: HOST };
  if (wish.ranges.length > 0)
    headers.Range = `bytes=${wish.ranges.map(([first, last]) => (first < 0 ? `${first}` : `${first}-${last ?? ''}`)).join()}`;
  if (wish.ifNoneMatch !== undefined) headers['If-None-Match'] = wish.ifNoneMatch;
  if (wish.ifRange !== undefined) headers['If-Range'] = wish.ifRange;
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { host: '127.0.0.1', port, path, method: wish.method, headers, agent: false, timeout: REQUEST_TIMEOUT_MS },
      (response) => {
        const pieces: Buffer[] = [];
        const finish = (isWhole: boolean) =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(pieces),
            isWhole,
          });
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.on('error', () => finish(false));
        response.on('end', () => finish(response.complete));
      },
    );
    request.on('error', reject);
    request.on('timeout', () => request.destroy());
    request.end();
  });
}

async function post(port: number, path: string, value: unknown): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(value),
  });
  await response.arrayBuffer();
  return response.status;
}
