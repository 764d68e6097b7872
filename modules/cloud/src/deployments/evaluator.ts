// Brings what devices have in line with the configurations: takes due devices in small batches, plans each, writes what differs.
//
// INVARIANTS
// - A batch is one transaction: plan, twins, statuses, counts and the queue row change together or not at all.
// - Between two batches the event loop runs: a change of the whole fleet blocks nobody.
// - A device that fails for an unforeseen reason is tried again alone, later; it holds up no other.
// - What is told on the bus has been committed.

import { type Clock, describeError, type Logger } from '@wayside/kit';
import type { Registry } from '../identity/registry.ts';
import type { PlatformBus } from '../platform-events.ts';
import { parallelTransaction } from '../store/postgres-dialect.ts';
import type { Db } from '../store/tables.ts';
import { retryConflicts } from '../store/write-order.ts';
import type { TwinService } from '../twins/twin-service.ts';
import type { CompiledConfiguration } from './configuration.ts';
import { ConfigurationBook } from './configuration-rows.ts';
import { askMetrics } from './custom-metrics.ts';
import { type DeviceState, readDeviceStates } from './device-state.ts';
import {
  type Cause,
  claimDue,
  type DueDevice,
  markDue,
  releaseClaims,
  releaseDue,
  requestDueRound,
  requestRound,
  settleDue,
  stepRound,
  takeMetricsTurn,
} from './evaluation-queue.ts';
import { Composer } from './layered-content.ts';
import { type DevicePlan, type EffectiveDeployment, planDevice } from './plan-device.ts';
import { type WrittenPlan, writePlan } from './write-plan.ts';

/** Devices of one transaction: on a slow disk some 5 ms each, during which SQLite lets nobody else write. */
const BATCH_DEVICES = 10;
/** A round over all devices at least this often: it finds what no event told. */
const ROUND_INTERVAL_MS = 5 * 60_000;
/** Without news: how soon what another replica wrote down is seen. */
const POLL_MS = 2_000;
const RETRY_MS = 60_000;
/** Reports that wait to be written down as due; more are found by the next round. */
const REPORTED_WAITING_MAX = 20_000;

export interface EvaluatorParts {
  db: Db;
  clock: Clock;
  logger: Logger;
  bus: PlatformBus;
  registry: Registry;
  twins: TwinService;
}

export class Evaluator {
  readonly book = new ConfigurationBook();
  readonly composer = new Composer();
  private readonly parts: EvaluatorParts;
  private readonly reported = new Set<string>();
  private woken = new AbortController();
  private ended = new AbortController();
  private running: Promise<void> | undefined;
  private unlisten: (() => void)[] = [];

  constructor(parts: EvaluatorParts) {
    this.parts = parts;
  }

  /** Looks at every device once, then at those that become due. */
  async start(): Promise<void> {
    const { db, bus, clock } = this.parts;
    await this.book.read(db);
    await releaseClaims(db);
    await requestRound(db, '', clock.nowMs());
    this.unlisten = [
      bus.on('tags', () => this.wake()),
      bus.on('identity', ({ change }) => change !== 'updated' && this.wake()),
      bus.on('reported', ({ deviceId, moduleId, patch }) => {
        if (this.reported.size >= REPORTED_WAITING_MAX || !this.matters(moduleId, Object.keys(patch))) return;
        this.reported.add(deviceId);
        this.wake();
      }),
    ];
    this.running = this.run();
  }

  /** Something is due. */
  wake(): void {
    this.woken.abort();
  }

  async stop(): Promise<void> {
    for (const end of this.unlisten) end();
    this.ended.abort();
    this.wake();
    await this.running;
  }

  /** Plans and writes devices in the caller's transaction; tell() what it answers after the commit. `own`: written whatever targets the device. */
  async evaluate(
    trx: Db,
    states: readonly DeviceState[],
    causeOf: (deviceId: string) => Cause,
    own?: EffectiveDeployment,
  ): Promise<WrittenPlan[]> {
    const configurations = await this.book.read(trx);
    const nowMs = this.parts.clock.nowMs();
    const written: WrittenPlan[] = [];
    for (const state of states) {
      const plan: DevicePlan = planDevice(state, configurations, this.composer, own);
      const by = blame(plan, configurations, causeOf(state.deviceId));
      written.push(await writePlan(trx, state, plan, { by, nowMs }));
    }
    return written;
  }

  /** Id of the base configuration that targets the device. */
  baseFor(state: DeviceState, configurations: readonly CompiledConfiguration[]): string | undefined {
    return planDevice(state, configurations, this.composer).effective?.base ?? undefined;
  }

  tell(written: readonly WrittenPlan[]): void {
    const { registry, twins } = this.parts;
    for (const { deviceId, by, created, removed, changed } of written) {
      for (const moduleId of created) registry.tell(deviceId, moduleId, 'created');
      for (const moduleId of removed) registry.tell(deviceId, moduleId, 'deleted');
      for (const change of changed) twins.tellDesired(change, by);
    }
  }

  /** One piece of work; false = there is none. */
  async step(): Promise<boolean> {
    const { db, clock } = this.parts;
    await this.noteReported();
    const due = await claimDue(db, BATCH_DEVICES, clock.nowMs());
    if (due.length > 0) await this.work(due);
    const stepped = await stepRound(db, clock.nowMs());
    if (due.length > 0 || stepped) return true;
    if (!(await takeMetricsTurn(db))) return false;
    await askMetrics(db, await this.book.read(db), this.ended.signal);
    return true;
  }

  private async run(): Promise<void> {
    const { db, clock, logger } = this.parts;
    while (!this.ended.signal.aborted) {
      let isBusy = false;
      this.woken = new AbortController();
      try {
        // Another replica may have taken a configuration: reports are judged by what is in force.
        await this.book.read(db);
        await requestDueRound(db, ROUND_INTERVAL_MS, clock.nowMs());
        isBusy = await this.step();
      } catch (error) {
        logger.error('Cannot evaluate configurations, trying again', { error: describeError(error) });
      }
      if (isBusy) await new Promise((resolve) => setImmediate(resolve));
      else if (!this.ended.signal.aborted) await clock.sleep(POLL_MS, this.woken.signal).catch(() => undefined);
    }
  }

  private async work(due: readonly DueDevice[]): Promise<void> {
    try {
      await this.workBatch(due);
    } catch (error) {
      if (due.length > 1) {
        for (const device of due) await this.work([device]);
        return;
      }
      const { deviceId } = due[0]!;
      const { db, clock, logger } = this.parts;
      logger.error('Cannot evaluate a device, trying again later', { deviceId, error: describeError(error) });
      await releaseDue(db, deviceId, clock.nowMs() + RETRY_MS);
    }
  }

  private async workBatch(due: readonly DueDevice[]): Promise<void> {
    const causes = new Map(due.map(({ deviceId, cause }) => [deviceId, cause]));
    const causeOf = (deviceId: string) => causes.get(deviceId) ?? { by: '', atMs: this.parts.clock.nowMs() };
    const written = await retryConflicts(() =>
      parallelTransaction(this.parts.db).execute(async (trx) => {
        const states = await readDeviceStates(
          trx,
          due.map(({ deviceId }) => deviceId),
        );
        const plans = await this.evaluate(trx, states, causeOf);
        // Module configurations may ask for modules that were only made now.
        const again = new Set(plans.filter(({ created }) => created.length > 0).map(({ deviceId }) => deviceId));
        for (const device of due) await settleDue(trx, device, again.has(device.deviceId));
        return plans;
      }),
    );
    this.tell(written);
  }

  private async noteReported(): Promise<void> {
    if (this.reported.size === 0) return;
    const { db, clock } = this.parts;
    const deviceIds = [...this.reported];
    this.reported.clear();
    await markDue(db, deviceIds, '', clock.nowMs());
  }

  /** Does a report of these properties change a condition or the success of a deployment? */
  private matters(moduleId: string | undefined, keys: readonly string[]): boolean {
    const { latest } = this.book;
    const isAnswer = moduleId === '$edgeAgent' && keys.some((key) => key.startsWith('lastDesired'));
    if (isAnswer && latest.some(({ kind }) => kind === 'modulesContent')) return true;
    return latest.some(
      ({ kind, reportedKeys }) =>
        (kind === 'moduleContent') === (moduleId !== undefined) &&
        (reportedKeys.has('') || keys.some((key) => reportedKeys.has(key))),
    );
  }
}

/** A configuration in effect that changed after the device became due is the cause; else whoever made it due. */
function blame(
  { effective }: DevicePlan,
  configurations: readonly CompiledConfiguration[],
  { by, atMs }: Cause,
): string {
  const inEffect = effective ? [effective.base, ...effective.layers] : [];
  const changed = configurations.filter(({ id, updatedAtMs }) => inEffect.includes(id) && updatedAtMs >= atMs);
  return changed.sort((a, b) => a.updatedAtMs - b.updatedAtMs).at(-1)?.updatedBy ?? by;
}
