// Puts the module together: settings -> BIRD -> collector -> stream, and what tells of them. What the environment is, main.ts says.

import { join } from 'node:path';
import { type Clock, EdgeError, type Logger, systemClock } from '@wayside/kit';
import type { BgpIssue, BgpRoutes, BgpState } from '@wayside/protocol';
import { Collector, type CollectorTiming } from './collect/collector.ts';
import { BirdProcess } from './engine/bird-process.ts';
import type { HealthFacts } from './operate/health-server.ts';
import { answerMethod, type MethodAnswer, type MethodName } from './operate/methods.ts';
import { RouteStream } from './report/route-stream.ts';
import { StateReporter } from './report/state-reporter.ts';
import { StreamStore } from './report/stream-store.ts';
import { writeBirdConfig } from './settings/bird-config.ts';
import type { BgpSettings } from './settings/desired.ts';
import { SettingsKeeper } from './settings/settings-keeper.ts';

export interface BgpNodeOptions {
  storageDir: string;
  runDir: string;
  port: number;
  birdCommand: readonly [string, ...string[]];
  timing: CollectorTiming;
  logger: Logger;
  clock?: Clock;
  /** Resolve when edgeHub acknowledged. */
  sendRoutes(message: BgpRoutes): Promise<void>;
  sendState(message: BgpState): Promise<void>;
}

export interface BgpNode {
  readonly settings: SettingsKeeper;
  state(): BgpState;
  health(): HealthFacts;
  onMethod(name: MethodName, payload: unknown): Promise<MethodAnswer>;
  close(): Promise<void>;
}

/** Starts with what is on disk. */
export async function startBgpNode(options: BgpNodeOptions): Promise<BgpNode> {
  const { logger, clock = systemClock, timing } = options;
  const startedAtUtc = new Date(clock.nowMs()).toISOString();
  let settingsInForce: BgpSettings | undefined;
  const store = new StreamStore(join(options.storageDir, 'routes'), logger);
  const stream = new RouteStream({
    ...{ store, clock, logger, send: options.sendRoutes },
    onAcknowledged: () => reporter.note(),
  });
  const bird: BirdProcess = new BirdProcess({
    ...{ folder: options.runDir, command: options.birdCommand, clock, logger },
    onChange: () => collector.wake(),
  });
  const collector: Collector = new Collector({
    ...{ bird, clock, logger, timing },
    onRoutes: (tables) => stream.offer(tables),
    onRound: () => reporter.note(),
  });
  const settings: SettingsKeeper = new SettingsKeeper({
    folder: options.storageDir,
    logger,
    apply: async (wanted) => {
      await bird.configure(writeBirdConfig(wanted, { port: options.port }));
      settingsInForce = wanted;
      collector.use(wanted);
    },
  });
  const state = (): BgpState => ({
    schemaVersion: '1.0',
    atUtc: new Date(clock.nowMs()).toISOString(),
    engine: { name: 'BIRD', version: collector.engineVersion, running: bird.isRunning },
    appliedVersion: settings.applied.version,
    stream: stream.end,
    sessions: collector.sessions((session) => stream.reportedOf(session)),
    issues: [...ownIssues(settings, settingsInForce !== undefined, startedAtUtc), ...collector.issues()],
  });
  const reporter: StateReporter = new StateReporter({ clock, logger, state, send: options.sendState });
  const held = await stream.start();
  collector.start(held);
  await settings.restore();
  return {
    ...{ settings, state },
    health: () => ({
      isConfigured: settingsInForce !== undefined,
      isEngineRunning: bird.isRunning,
      silentMs: collector.silentMs,
    }),
    onMethod: (name, payload) => answerMethod({ collector, stream, state }, name, payload),
    close: async () => {
      await collector.close();
      await stream.close();
      await bird.close();
    },
  };
}

/** Issues of the module as a whole. */
function ownIssues({ applied }: SettingsKeeper, isConfigured: boolean, sinceUtc: string): BgpIssue[] {
  const issues: BgpIssue[] = [];
  if (!isConfigured) {
    const { code, message } = new EdgeError('BGP_NOT_CONFIGURED', 'No valid settings came yet: no BGP engine runs');
    issues.push({ code, session: null, text: message, sinceUtc });
  }
  if (applied.problems.length > 0) {
    const text = applied.problems.map(({ path, message }) => `${path}: ${message}`).join('; ');
    issues.push({ code: 'BGP_DESIRED_INVALID', session: null, text, sinceUtc });
  }
  return issues;
}
