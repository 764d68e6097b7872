// Runs prefetch jobs one after another, each in its window, at its pace: takes their URLs, brings the objects, notes what came of each.
//
// INVARIANTS
// - A job is on disk before it is answered for; what was fetched is noted URL by URL, so a restart repeats at most what was under way.
// - A window that closes stops what is under way; the chunks that came stay, and the next window goes on with the rest.

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type Clock, describeError, EdgeError, type Logger } from '@wayside/kit';
import { collectBody } from '../../fill/answer-body.ts';
import type { OriginGate } from '../../origin/origin-gate.ts';
import type { Drive } from '../../store/drive.ts';
import { urlPartsOf } from '../purge/purge-request.ts';
import { type ItemRow, type JobRow, JobStore, type Progress } from './job-store.ts';
import { parseManifest } from './manifest.ts';
import { fetchObject, type ObjectFetchDeps } from './object-fetch.ts';
import { PrefetchPace } from './prefetch-pace.ts';
import { type PrefetchRequest, parsePrefetch } from './prefetch-request.ts';
import { openSinceMs, opensAtMs } from './schedule.ts';

/** How often windows and new jobs are looked at. */
const LOOK_INTERVAL_MS = 5000;
/** Tries of one URL; between two there is at least this. */
const TRIES_MAX = 3;
const RETRY_MS = 2000;
const DATABASE_FILE = 'prefetch.db';

export interface PrefetcherDeps extends ObjectFetchDeps {
  gate: OriginGate;
  clock: Clock;
  logger: Logger;
}

/** A job as it is shown. */
export interface JobReport extends Omit<JobRow, 'seq' | 'createdAtMs' | 'startedAtMs' | 'finishedAtMs'> {
  createdAtUtc: string;
  startedAtUtc: string | null;
  finishedAtUtc: string | null;
  progress: Progress;
  /** When the window opens next, null when it is open or there is none. */
  opensAtUtc: string | null;
}

export class Prefetcher {
  readonly #deps: PrefetcherDeps;
  readonly #stop = new AbortController();
  #jobs: JobStore | null = null;
  #drive: Drive | null = null;
  #running: { id: string; abort: AbortController } | null = null;
  #loop: Promise<void> = Promise.resolve();
  #wake: () => void = () => {};
  /** Fetched since the start. */
  bytes = 0;

  constructor(deps: PrefetcherDeps) {
    this.#deps = deps;
    for (const drive of deps.store.drives) drive.onDown = () => this.#onDown(drive);
  }

  /** Opens the jobs on the first drive that is up. */
  open(): void {
    if (this.#jobs === null) this.#open();
  }

  /** Goes on with them. */
  start(): void {
    this.open();
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('the cache ends'));
    this.#running?.abort.abort(this.#stop.signal.reason);
    this.#wake();
    await this.#loop;
    this.#jobs?.close();
    this.#jobs = null;
  }

  /** Rejects with CACHE_PREFETCH_INVALID, CACHE_PREFETCH_BUSY, CACHE_PREFETCH_UNRECORDED. */
  add(given: unknown, by: string, id = `prefetch-${randomBytes(6).toString('hex')}`): JobReport {
    const { request, problems } = parsePrefetch(given);
    for (const { url } of request.entries) {
      if (problems.length >= 20) break;
      if (this.#deps.resolve(urlPartsOf(url)?.host ?? '') === undefined)
        problems.push({ path: 'urls', message: `holds ${JSON.stringify(url)}, wanted hosts of the allow list` });
    }
    if (problems.length > 0) {
      throw new EdgeError(
        'CACHE_PREFETCH_INVALID',
        `Cannot prefetch: ${problems.map(({ path, message }) => `${path} ${message}`).join('; ')}`,
        { source: 'downstream', details: { problems: problems.map(({ path, message }) => ({ path, message })) } },
      );
    }
    return this.#add(request, by, id);
  }

  #add(request: PrefetchRequest, by: string, id: string): JobReport {
    const jobs = this.#recorded();
    if (!jobs.makeRoom(request.entries.length)) {
      throw new EdgeError('CACHE_PREFETCH_BUSY', 'Cannot prefetch: too many jobs and URLs wait, wanted fewer', {
        retry: 'backoff',
      });
    }
    const job = jobs.add(id, request, by, this.#deps.clock.nowMs());
    this.#wake();
    return this.#report(jobs, job);
  }

  /** Newest first. */
  list(limit: number): JobReport[] {
    const jobs = this.#recorded();
    return jobs.list(limit).map((job) => this.#report(jobs, job));
  }

  /** With the results of URLs `offset` to `offset + limit`. Throws CACHE_PREFETCH_UNKNOWN. */
  show(id: string, offset: number, limit: number): JobReport & { items: ItemRow[] } {
    const jobs = this.#recorded();
    const job = this.#find(jobs, id);
    return { ...this.#report(jobs, job), items: jobs.items(job.seq, offset, limit) };
  }

  cancel(id: string): JobReport {
    const jobs = this.#recorded();
    const job = this.#find(jobs, id);
    if (job.state === 'waiting' || job.state === 'running')
      jobs.setState(job.seq, 'cancelled', this.#deps.clock.nowMs());
    if (this.#running?.id === id) this.#running.abort.abort(new Error('cancelled'));
    return this.#report(jobs, this.#find(jobs, id));
  }

  /** Jobs of the module twin: those that are new are made, those that changed are made anew, those that are gone go. */
  setDesired(desired: ReadonlyMap<string, PrefetchRequest>): void {
    const jobs = this.#jobs;
    if (jobs === null) return;
    const known = new Map(
      jobs
        .list(Number.MAX_SAFE_INTEGER)
        .filter(({ by }) => by === 'twin')
        .map((job) => [job.id, job]),
    );
    for (const [id, job] of known) {
      const request = desired.get(id);
      const isSame = request !== undefined && this.#isSame(jobs, job, request);
      if (isSame) continue;
      if (this.#running?.id === id) this.#running.abort.abort(new Error('its settings changed'));
      jobs.remove(job.seq);
      known.delete(id);
    }
    for (const [id, request] of desired) if (!known.has(id)) this.#add(request, 'twin', id);
  }

  #isSame(jobs: JobStore, job: JobRow, { entries, ...request }: PrefetchRequest): boolean {
    if (JSON.stringify(job.request) !== JSON.stringify(request)) return false;
    if (request.manifestUrl !== null) return true;
    const items = jobs.items(job.seq, 0, entries.length + 1);
    return items.length === entries.length && items.every(({ url }, i) => url === entries[i]?.url);
  }

  totals(): { jobs: number; waitingUrls: number; bytes: number } {
    const totals = this.#jobs?.totals();
    return { jobs: totals?.openJobs ?? 0, waitingUrls: totals?.waitingUrls ?? 0, bytes: this.bytes };
  }

  #open(): void {
    const drive = this.#deps.store.drives.find(({ isUp }) => isUp);
    if (drive === undefined) return;
    this.#drive = drive;
    try {
      this.#jobs = new JobStore(join(drive.path, DATABASE_FILE), this.#deps.logger);
    } catch (error) {
      this.#deps.logger.error('Prefetch jobs cannot be read', {
        code: 'CACHE_PREFETCH_UNRECORDED',
        reason: describeError(error),
      });
    }
  }

  #recorded(): JobStore {
    if (this.#jobs !== null) return this.#jobs;
    throw new EdgeError('CACHE_PREFETCH_UNRECORDED', 'Cannot prefetch: no drive takes the job', { retry: 'backoff' });
  }

  #find(jobs: JobStore, id: string): JobRow {
    const job = jobs.find(id);
    if (job === undefined)
      throw new EdgeError('CACHE_PREFETCH_UNKNOWN', `Cannot find prefetch job ${JSON.stringify(id)}`, {
        source: 'downstream',
      });
    return job;
  }

  #report(jobs: JobStore, { seq, createdAtMs, startedAtMs, finishedAtMs, ...job }: JobRow): JobReport {
    const nowMs = this.#deps.clock.nowMs();
    const utc = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());
    const { schedule } = job.request;
    const isClosed = schedule !== null && openSinceMs(schedule, nowMs) === null;
    return {
      ...job,
      createdAtUtc: utc(createdAtMs) as string,
      startedAtUtc: utc(startedAtMs),
      finishedAtUtc: utc(finishedAtMs),
      progress: jobs.progress(seq),
      opensAtUtc: isClosed ? utc(opensAtMs(schedule, nowMs)) : null,
    };
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        if (this.#jobs === null) this.#open();
        const job = this.#jobs === null ? undefined : this.#pick(this.#jobs);
        if (job !== undefined) await this.#runJob(this.#jobs as JobStore, job);
        else await this.#pause();
      } catch (error) {
        if (signal.aborted) return;
        this.#deps.logger.error('Prefetch stopped', {
          code: 'CACHE_PREFETCH_UNRECORDED',
          reason: describeError(error),
        });
        this.#close();
        await this.#pause();
      }
    }
  }

  /** The jobs go on when a drive is there again; the one that went out must not be held open. */
  #onDown(drive: Drive): void {
    if (drive !== this.#drive) return;
    this.#running?.abort.abort(new Error('the drive with its list is out'));
    this.#close();
    this.#wake();
  }

  #close(): void {
    try {
      this.#jobs?.close();
    } catch {
      // The database may be as broken as its drive.
    }
    this.#jobs = null;
  }

  async #pause(): Promise<void> {
    const abort = new AbortController();
    this.#wake = () => abort.abort();
    await this.#deps.clock.sleep(LOOK_INTERVAL_MS, abort.signal).catch(() => {});
  }

  /** The oldest job whose window is open. A job of the twin with a window begins anew each time it opens. */
  #pick(jobs: JobStore): JobRow | undefined {
    const nowMs = this.#deps.clock.nowMs();
    for (const job of jobs.list(Number.MAX_SAFE_INTEGER)) {
      const { schedule } = job.request;
      if (job.by !== 'twin' || schedule === null || job.state !== 'done') continue;
      const sinceMs = openSinceMs(schedule, nowMs);
      if (sinceMs !== null && (job.startedAtMs ?? 0) < sinceMs) jobs.renew(job.seq);
    }
    return jobs
      .open()
      .find(({ request }) => request.schedule === null || openSinceMs(request.schedule, nowMs) !== null);
  }

  async #runJob(jobs: JobStore, job: JobRow): Promise<void> {
    const abort = new AbortController();
    this.#running = { id: job.id, abort };
    const watch = setInterval(() => this.#closeWindow(job, abort), LOOK_INTERVAL_MS);
    const { clock, logger } = this.#deps;
    try {
      jobs.setState(job.seq, 'running', clock.nowMs());
      if (!job.hasList) await this.#fetchList(jobs, job);
      const pace = new PrefetchPace(job.request.maxMbps, clock);
      const lanes = new Set<number>();
      await Promise.all(
        Array.from({ length: job.request.parallel }, () => this.#lane(jobs, job, pace, lanes, abort.signal)),
      );
      const state = jobs.find(job.id)?.state;
      if (state !== 'running') return;
      if (abort.signal.aborted) jobs.setState(job.seq, 'waiting', clock.nowMs());
      else {
        jobs.setState(job.seq, 'done', clock.nowMs());
        logger.info('Prefetch is done', { id: job.id, ...jobs.progress(job.seq) });
      }
    } finally {
      clearInterval(watch);
      this.#running = null;
    }
  }

  #closeWindow(job: JobRow, abort: AbortController): void {
    const { schedule } = job.request;
    if (schedule !== null && openSinceMs(schedule, this.#deps.clock.nowMs()) === null)
      abort.abort(new Error('the window is closed'));
  }

  /** One object after another until nothing is left. @param lanes items that are under way */
  async #lane(jobs: JobStore, job: JobRow, pace: PrefetchPace, lanes: Set<number>, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const item = jobs.next(job.seq, lanes.size + 1).find(({ n }) => !lanes.has(n));
      if (item === undefined) return;
      lanes.add(item.n);
      try {
        if (item.tries > 0) await this.#deps.clock.sleep(RETRY_MS, signal);
        const entry = { url: item.url, sizeBytes: item.expectedBytes };
        const result = await fetchObject(entry, this.#deps, pace, signal, (bytes) => (this.bytes += bytes));
        if (jobs.find(job.id) !== undefined) jobs.settle(job.seq, item.n, result);
      } catch (error) {
        if (signal.aborted) return;
        const reason = describeError(error);
        if (item.tries + 1 < TRIES_MAX) jobs.noteTry(job.seq, item.n, reason);
        else jobs.settle(job.seq, item.n, { state: 'failed', sizeBytes: null, fetchedBytes: 0, reason });
      } finally {
        lanes.delete(item.n);
      }
    }
  }

  /** The list of a job that names only where it lies; a job without a usable list has failed. */
  async #fetchList(jobs: JobStore, job: JobRow): Promise<void> {
    const { clock, gate, resolve } = this.#deps;
    const url = job.request.manifestUrl ?? '';
    const parts = urlPartsOf(url);
    const origin = resolve(parts?.host ?? '');
    let reason = '';
    if (parts === undefined || origin === undefined) reason = 'the host of the list is not on the allow list';
    else {
      try {
        const response = await gate.open({ origin, method: 'GET', target: parts.target });
        const { status } = response.head;
        const body = await collectBody(response, MANIFEST_BYTES_MAX);
        const { entries, problems } = parseManifest(body.toString('utf8'));
        if (status !== 200) reason = `the list was answered with ${status}`;
        else if (body.length === 0) reason = `the list is empty or longer than ${MANIFEST_BYTES_MAX} bytes`;
        else if (problems.length > 0) reason = problems.map(({ path, message }) => `${path} ${message}`).join('; ');
        else if (!jobs.makeRoom(entries.length)) reason = 'too many URLs wait';
        else jobs.setList(job.seq, entries);
      } catch (error) {
        reason = describeError(error);
      }
    }
    if (reason !== '') jobs.setState(job.seq, 'failed', clock.nowMs(), reason);
  }
}

/** Longest list fetched from an origin. */
const MANIFEST_BYTES_MAX = 16 * 1024 * 1024;
