// The loop between BIRD and the stream: asks for the state of the sessions, reads the tables that are due, offers what is in force.
//
// INVARIANTS
// - One round at a time; rounds are the only ones that change lives and tables. Tables are replaced, never changed.
// - What is offered to the stream is the routes of the sessions in the settings in force, and nothing before settings are there.

import { type Clock, describeError, EdgeError, type Logger } from '@wayside/kit';
import type { BgpIssue, BgpSession } from '@wayside/protocol';
import type { BirdProcess } from '../engine/bird-process.ts';
import { type ProtocolStatus, parseProtocols } from '../engine/protocol-status.ts';
import { RouteLines } from '../engine/route-lines.ts';
import { readSignatureFailures } from '../engine/signature-failures.ts';
import type { RouteTable } from '../routes/route-table.ts';
import { RouteTableBuilder } from '../routes/route-table-builder.ts';
import { protocolName, tableName } from '../settings/bird-config.ts';
import type { BgpSettings, SessionSettings } from '../settings/desired.ts';
import { afterRead, firstLife, type LifeRules, observe, type SessionLife } from './session-life.ts';
import { reasonOf } from './session-reason.ts';

/** A wrong signature counts as the reason of a session that is down for so long: routers try again every 2 minutes at least. */
const SIGNATURE_FAILURE_MS = 150_000;
/** When nothing is known of what the receiver holds, sessions get this long to come up before the first set is offered: an early one would
 * withdraw what a module with an intact storage folder would hold. Routes must arrive within 5 minutes (connected-cache.md 6, row 48). */
const FIRST_OFFER_MS_MAX = 180_000;

export type CollectorTiming = Omit<LifeRules, 'holdMs'> & {
  /** Between two rounds. */
  pollMs: number;
};

export interface CollectorOptions {
  bird: BirdProcess;
  clock: Clock;
  logger: Logger;
  timing: CollectorTiming;
  /** The routes in force are others than before. */
  onRoutes(tables: ReadonlyMap<string, RouteTable>): void;
  /** A round is over. */
  onRound(): void;
}

interface Seen {
  session: SessionSettings;
  life: SessionLife;
  status: ProtocolStatus | undefined;
  state: BgpSession['state'];
  reason: string;
  code: BgpIssue['code'] | null;
  sinceMs: number;
}

export class Collector {
  readonly #options: CollectorOptions;
  readonly #stop = new AbortController();
  #settings: BgpSettings | undefined;
  readonly #seen = new Map<string, Seen>();
  #tables: ReadonlyMap<string, RouteTable> = new Map();
  #offered: ReadonlyMap<string, RouteTable> | undefined;
  #version: string | null = null;
  #failures: { count: number | null; grewAtMs: number | null } = { count: null, grewAtMs: null };
  #wake = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #complaint = '';
  #isHeldKnown = true;
  #firstOfferAtMs: number | null = null;
  /** Monotonic time of the last answer of BIRD. */
  #answeredAtMs: number | null = null;

  constructor(options: CollectorOptions) {
    this.#options = options;
  }

  /** @param tables routes the receiver held when the module ended last; null = not known. */
  start(tables: ReadonlyMap<string, RouteTable> | null): void {
    this.#tables = tables ?? new Map();
    this.#isHeldKnown = tables !== null;
    this.#running = this.#run();
  }

  get engineVersion(): string | null {
    return this.#version;
  }

  get tables(): ReadonlyMap<string, RouteTable> {
    return this.#tables;
  }

  /** Milliseconds since BIRD answered last; null = never. */
  get silentMs(): number | null {
    return this.#answeredAtMs === null ? null : this.#options.clock.monotonicMs() - this.#answeredAtMs;
  }

  /** Settings that BIRD has taken. Sessions that are gone lose their routes at once, new ones begin. */
  use(settings: BgpSettings): void {
    const nowMs = this.#options.clock.nowMs();
    this.#settings = settings;
    const rules = this.#rules(settings);
    for (const id of this.#seen.keys()) {
      if (!settings.sessions.some((session) => session.id === id)) this.#seen.delete(id);
    }
    for (const session of settings.sessions) {
      const seen = this.#seen.get(session.id);
      if (seen !== undefined) seen.session = session;
      else this.#seen.set(session.id, firstSeen(session, this.#tables.get(session.id)?.size ?? 0, nowMs, rules));
    }
    this.wake();
  }

  /** The next round begins at once. */
  wake(): void {
    this.#wake.abort();
  }

  /** Takes the session down and up again, also one that was shut. BGP_SESSION_UNKNOWN, BGP_ENGINE_*. */
  async restartSession(id: string): Promise<void> {
    if (!this.#seen.has(id)) {
      throw new EdgeError('BGP_SESSION_UNKNOWN', `Cannot restart session "${id}": the settings have ${this.#ids()}`, {
        source: 'downstream',
      });
    }
    const { socket } = this.#options.bird;
    // `restart` leaves alone what is disabled, `enable` what is not.
    await socket.lines(`disable ${protocolName(id)}`);
    await socket.lines(`enable ${protocolName(id)}`);
    this.wake();
  }

  #ids(): string {
    return [...this.#seen.keys()].join(', ') || 'no sessions';
  }

  /** @param reportedOf routes of a session that the receiver holds. */
  sessions(reportedOf: (session: string) => number): BgpSession[] {
    const nowMs = this.#options.clock.nowMs();
    return [...this.#seen.values()].map(({ session, life, status, state, reason, sinceMs }) => ({
      id: session.id,
      neighborAddress: session.neighborAddress,
      neighborAsn: session.neighborAsn,
      localAsn: this.#settings?.localAsn ?? 0,
      ...{ state, reason },
      sinceUtc: new Date(sinceMs).toISOString(),
      uptimeSecs: life.upSinceMs === null ? null : Math.max(0, Math.floor((nowMs - life.upSinceMs) / 1000)),
      downs: life.downs,
      prefixes: {
        accepted: status?.imported ?? 0,
        filtered: status?.filtered ?? 0,
        limit: session.maxPrefixes,
        reported: reportedOf(session.id),
      },
      held: heldOf(life),
    }));
  }

  issues(): BgpIssue[] {
    return [...this.#seen.values()].flatMap(({ session, code, reason, sinceMs }) =>
      code === null ? [] : [{ code, session: session.id, text: reason, sinceUtc: new Date(sinceMs).toISOString() }],
    );
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#wake.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, timing } = this.#options;
    while (!this.#stop.signal.aborted) {
      this.#wake = new AbortController();
      try {
        await this.#round();
        this.#complaint = '';
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        this.#complain(error);
      }
      this.#options.onRound();
      await clock.sleep(timing.pollMs, AbortSignal.any([this.#stop.signal, this.#wake.signal])).catch(() => {});
    }
  }

  /** The same failure in every round is one line. */
  #complain(error: unknown): void {
    const reason = describeError(error);
    if (reason === this.#complaint) return;
    this.#complaint = reason;
    const code = error instanceof EdgeError ? error.code : undefined;
    this.#options.logger.warn('A round of questions to BIRD failed', { code, reason });
  }

  async #round(): Promise<void> {
    const settings = this.#settings;
    if (settings === undefined) return;
    const statuses = await this.#statuses();
    // A BIRD that runs but did not answer says nothing about the sessions: they stay as they were seen last.
    if (statuses !== undefined) {
      const nowMs = this.#options.clock.nowMs();
      await this.#noteSignatureFailures(nowMs);
      for (const seen of [...this.#seen.values()]) {
        await this.#live(seen, statuses.get(protocolName(seen.session.id)), nowMs, settings);
      }
    }
    this.#offer();
  }

  /** undefined = no answer; empty = BIRD does not run. */
  async #statuses(): Promise<Map<string, ProtocolStatus> | undefined> {
    const { bird, clock, logger } = this.#options;
    if (!bird.isRunning) return new Map();
    try {
      const { answer, lines } = await bird.socket.lines('show protocols all', this.#stop.signal);
      this.#version = answer.version;
      this.#answeredAtMs = clock.monotonicMs();
      return new Map(parseProtocols(lines).map((status) => [status.name, status]));
    } catch (error) {
      logger.warn('BIRD did not tell the state of its sessions', {
        code: 'BGP_ENGINE_SILENT',
        reason: describeError(error),
      });
      return undefined;
    }
  }

  async #noteSignatureFailures(nowMs: number): Promise<void> {
    const { pid } = this.#options.bird;
    const count = pid === undefined ? null : await readSignatureFailures(pid);
    const before = this.#failures.count;
    if (count !== null && before !== null && count > before) this.#failures.grewAtMs = nowMs;
    this.#failures.count = count;
  }

  async #live(seen: Seen, status: ProtocolStatus | undefined, nowMs: number, settings: BgpSettings): Promise<void> {
    const { session } = seen;
    const { life, action } = observe(seen.life, status, nowMs, this.#rules(settings));
    seen.life = life;
    seen.status = status;
    this.#explain(seen, nowMs);
    if (action === 'read') {
      const table = await this.#read(session);
      seen.life = afterRead(life, life.activity, table.size, nowMs);
      this.#tables = new Map(this.#tables).set(session.id, table);
    } else if (action === 'drop') {
      this.#options.logger.warn('Prefixes of a lost session are withdrawn', { session: session.id });
      const without = new Map(this.#tables);
      without.delete(session.id);
      this.#tables = without;
    }
  }

  #explain(seen: Seen, nowMs: number): void {
    const { state, text, code } = reasonOf(seen.session, seen.status, this.#hasBadSignatures(seen.session, nowMs));
    if (seen.state !== state || seen.code !== code) {
      seen.sinceMs = nowMs;
      const fields = { session: seen.session.id, neighbor: seen.session.neighborAddress, state };
      if (code === null) this.#options.logger.info('Session is up', fields);
      else this.#options.logger.warn('Session is not up', { ...fields, code, reason: text });
    }
    Object.assign(seen, { state, reason: text, code });
  }

  /** The counters do not say whose segments they were: sessions with a password are suspected first. */
  #hasBadSignatures(session: SessionSettings, nowMs: number): boolean {
    const { grewAtMs } = this.#failures;
    if (grewAtMs === null || nowMs - grewAtMs > SIGNATURE_FAILURE_MS) return false;
    if (session.password !== null) return true;
    return ![...this.#seen.values()].some((other) => other.session.password !== null && other.state !== 'Established');
  }

  async #read(session: SessionSettings): Promise<RouteTable> {
    const { bird, clock, logger } = this.#options;
    const beganAtMs = clock.monotonicMs();
    const builder = new RouteTableBuilder(session.family);
    const lines = new RouteLines(builder);
    await bird.socket.ask(
      `show route table ${tableName(session.id)} all`,
      (line, textAt) => lines.push(line, textAt),
      this.#stop.signal,
    );
    lines.end();
    const table = builder.build();
    this.#answeredAtMs = clock.monotonicMs();
    logger.info('Routes read', {
      session: session.id,
      routes: table.size,
      paths: table.attributes.length,
      ms: Math.round(clock.monotonicMs() - beganAtMs),
    });
    return table;
  }

  #offer(): void {
    const kept = [...this.#tables].filter(([id]) => this.#seen.has(id));
    if (kept.length !== this.#tables.size) this.#tables = new Map(kept);
    if (this.#offered === this.#tables || !this.#isOfferDue()) return;
    this.#offered = this.#tables;
    this.#options.onRoutes(this.#tables);
  }

  #isOfferDue(): boolean {
    if (this.#isHeldKnown) return true;
    const nowMs = this.#options.clock.monotonicMs();
    this.#firstOfferAtMs ??= nowMs + FIRST_OFFER_MS_MAX;
    this.#isHeldKnown =
      nowMs >= this.#firstOfferAtMs || [...this.#seen.values()].every(({ life }) => life.phase === 'live');
    return this.#isHeldKnown;
  }

  #rules(settings: BgpSettings): LifeRules {
    return { ...this.#options.timing, holdMs: settings.holdSecs * 1000 };
  }
}

function firstSeen(session: SessionSettings, size: number, nowMs: number, rules: LifeRules): Seen {
  const { state, text, code } = reasonOf(session, undefined, false);
  return {
    ...{ session, state, code, reason: text, sinceMs: nowMs, status: undefined },
    life: firstLife(size, nowMs, rules),
  };
}

function heldOf(life: SessionLife): BgpSession['held'] {
  if (life.size === 0) return null;
  if (life.phase === 'limited') return { untilUtc: null };
  return life.heldUntilMs === null ? null : { untilUtc: new Date(life.heldUntilMs).toISOString() };
}
