// Decides for one wanted module: make, replace, start, stop, restart, or wait, and what to say about it. Pure.

import type { Identity } from '@wayside/protocol';
import { isSameContainer } from './fingerprint.ts';
import { prepareImage } from './image-need.ts';
import {
  type DesiredModule,
  type Facts,
  type ModuleHistory,
  type ModuleStatus,
  moduleIdOf,
  NO_HISTORY,
  type ObservedModule,
  type Step,
  type StepKind,
  stepKey,
  type Wait,
} from './model.ts';
import { decideRestart, type RestartDecision } from './restart-policy.ts';

export interface ModuleDecision {
  steps: Step[];
  /** Steps that free something (a port) and so run before all starts. */
  stops: Step[];
  waits: Wait[];
  status: ModuleStatus;
  /** Lets the next start-up group go. */
  isUp: boolean;
}

/** What holds back the making and starting of modules. */
export interface Holds {
  /** A start-up group that is not up yet. */
  heldBy: { order: number; names: string[] } | undefined;
  /** Modules whose images all others wait for (ModuleUpdateMode). */
  missing: readonly string[];
}

interface Context extends Holds {
  module: DesiredModule;
  container: ObservedModule | undefined;
  identities: readonly Identity[] | undefined;
  facts: Facts;
  history: ModuleHistory;
}

export function decideModule(
  module: DesiredModule,
  container: ObservedModule | undefined,
  identities: readonly Identity[] | undefined,
  facts: Facts,
  holds: Holds,
): ModuleDecision {
  const history = facts.history.get(module.name) ?? NO_HISTORY;
  const context: Context = { module, container, identities, facts, history, ...holds };
  if (!container) return decideMissing(context);
  if (container.state === 'dead') return decideDead(context);
  if (!isSameContainer(module, container)) return decideUpdate(context, container);
  return decideState(context, container);
}

function statusOf(
  context: Context,
  runtimeStatus: ModuleStatus['runtimeStatus'],
  statusDescription: string,
  nextRetryAtMs: number | null = null,
): ModuleStatus {
  return { name: context.module.name, runtimeStatus, statusDescription, nextRetryAtMs };
}

function decision(status: ModuleStatus, rest: Partial<Omit<ModuleDecision, 'status'>> = {}): ModuleDecision {
  return { steps: [], stops: [], waits: [], isUp: false, ...rest, status };
}

/** The try that failed last and is not due yet, if any of these steps has one. */
function pendingRetry(context: Context, kinds: StepKind[]): { wait: Wait; lastError: string } | undefined {
  for (const kind of kinds) {
    const attempt = context.facts.attempts.get(stepKey(kind, context.module.name));
    if (!attempt || attempt.nextAtMs <= context.facts.nowMs) continue;
    const why = `${kind} failed ${attempt.count} times, last: ${attempt.lastError}`;
    return {
      lastError: attempt.lastError,
      wait: { subject: context.module.name, reason: 'retry', why, untilMs: attempt.nextAtMs },
    };
  }
  return undefined;
}

function orderWait(context: Context): Wait | undefined {
  const { heldBy, module } = context;
  if (!heldBy || module.status !== 'running') return undefined;
  const why = `waits for ${heldBy.names.join(', ')} (startupOrder ${heldBy.order}) to be up`;
  return { subject: module.name, reason: 'startup-order', why, order: heldBy.order };
}

function pullsWait({ missing, module }: Context): Wait | undefined {
  if (missing.length === 0) return undefined;
  return { subject: module.name, reason: 'image', why: `waits for the images of ${missing.join(', ')}` };
}

function decideMissing(context: Context): ModuleDecision {
  const { module, facts, identities } = context;
  const isUp = module.status === 'stopped';
  const image = prepareImage(module, facts, true);
  const lastGood = facts.lastGood.get(module.name);
  const broken = pendingRetry(context, ['replace', 'create', 'createIdentity']);
  const hasOlder = lastGood !== undefined && lastGood !== module.fingerprint;
  if (hasOlder && (broken || !image.ready) && !pendingRetry(context, ['restore'])) {
    const why = broken ? `update failed: ${broken.lastError}` : image.why;
    const steps: Step[] = [{ kind: 'restore', name: module.name }, ...image.steps];
    return decision(statusOf(context, 'unknown', `${why}; the last version that ran is brought back`), { steps });
  }
  if (broken)
    return decision(statusOf(context, 'unknown', broken.wait.why, broken.wait.untilMs ?? null), {
      waits: [broken.wait],
      isUp,
    });
  if (!image.ready)
    return decision(statusOf(context, 'unknown', image.why, image.retryAtMs ?? null), { ...image, isUp });
  const wait = pullsWait(context) ?? orderWait(context);
  if (wait) return decision(statusOf(context, 'unknown', wait.why), { waits: [wait], isUp });
  const steps: Step[] = [];
  const moduleId = moduleIdOf(module.name);
  if (identities && !identities.some((identity) => identity.moduleId === moduleId))
    steps.push({ kind: 'createIdentity', name: module.name, moduleId });
  steps.push({ kind: 'create', name: module.name, module });
  if (module.status === 'running') steps.push({ kind: 'start', name: module.name, countsAsRestart: false });
  return decision(statusOf(context, 'unknown', 'is being created'), { steps, isUp });
}

/** The engine could not finish removing a dead container; it is removed now and made again in the next round. */
function decideDead(context: Context): ModuleDecision {
  const retry = pendingRetry(context, ['remove']);
  const said = retry?.wait.why ?? 'the engine calls the container dead, it is made again';
  return decision(statusOf(context, 'dead', said, retry?.wait.untilMs ?? null), {
    ...(retry ? { waits: [retry.wait] } : { steps: [{ kind: 'remove', name: context.module.name, forget: false }] }),
  });
}

/** Until the new image is there and the time is right, the old container is looked after as before. */
function decideUpdate(context: Context, container: ObservedModule): ModuleDecision {
  const { module, facts } = context;
  const image = prepareImage(module, facts, false);
  const failed = pendingRetry(context, ['replace']);
  const wait = failed?.wait ?? (image.ready ? (pullsWait(context) ?? orderWait(context)) : undefined);
  if (image.ready && !wait)
    return decision(statusOf(context, observedStatus(container), `is being updated to ${module.image}`), {
      steps: [{ kind: 'replace', name: module.name, module }],
    });
  const kept = decideState(context, container);
  const reason = failed ? `update to ${module.image} failed: ${failed.lastError}` : (wait?.why ?? image.why);
  const description = [`${reason}; still on ${container.image}`, kept.status.statusDescription]
    .filter(Boolean)
    .join('; ');
  return {
    ...kept,
    steps: [...image.steps, ...kept.steps],
    waits: [...image.waits, ...(wait ? [wait] : []), ...kept.waits],
    status: {
      ...kept.status,
      statusDescription: description,
      nextRetryAtMs: kept.status.nextRetryAtMs ?? wait?.untilMs ?? image.retryAtMs ?? null,
    },
  };
}

function observedStatus(container: ObservedModule): ModuleStatus['runtimeStatus'] {
  return container.state === 'running' && container.health === 'unhealthy' ? 'unhealthy' : container.state;
}

function decideState(context: Context, container: ObservedModule): ModuleDecision {
  if (context.module.status === 'stopped') return decideWantedStopped(context, container);
  const { module, facts, history } = context;
  const next = decideRestart(module.restartPolicy, container, history, facts.settings, facts.nowMs);
  if (next.action === 'none') return settled(context, container, next);
  if (next.action === 'wait') {
    const wait: Wait = { subject: module.name, reason: 'backoff', why: next.why, untilMs: next.untilMs };
    const status = statusOf(context, next.runtimeStatus, next.why, next.untilMs);
    return decision(status, { waits: [wait] });
  }
  const retry = pendingRetry(context, ['start', 'restart']);
  // A module that ran under this agent and crashed comes back at once, whatever its elders do: order is a matter of first starts.
  const wait = retry?.wait ?? (facts.seenRunning.has(module.name) ? undefined : orderWait(context));
  if (wait) {
    const runtimeStatus = wait.reason === 'retry' ? 'backoff' : observedStatus(container);
    return decision(statusOf(context, runtimeStatus, wait.why, wait.untilMs ?? null), { waits: [wait] });
  }
  const step: Step =
    next.action === 'start'
      ? { kind: 'start', name: module.name, countsAsRestart: next.countsAsRestart }
      : { kind: 'restart', name: module.name };
  return decision(statusOf(context, observedStatus(container), `${next.why}; is being started`), { steps: [step] });
}

function settled(
  context: Context,
  container: ObservedModule,
  next: Extract<RestartDecision, { action: 'none' }>,
): ModuleDecision {
  const { facts, history, module } = context;
  const runsLong =
    next.runtimeStatus === 'running' &&
    history.restartCount > 0 &&
    facts.nowMs - (container.startedAtMs ?? facts.nowMs) >= facts.settings.healthyResetMs;
  // A module that has done its work (or never will) holds nobody back; one whose health check is not through yet does.
  const isReady = next.runtimeStatus === 'running' && container.health !== 'starting';
  const isOver = next.runtimeStatus === 'stopped' || next.runtimeStatus === 'failed';
  return decision(statusOf(context, next.runtimeStatus, next.why), {
    steps: runsLong ? [{ kind: 'resetRestarts', name: module.name }] : [],
    isUp: isReady || isOver,
  });
}

function decideWantedStopped(context: Context, container: ObservedModule): ModuleDecision {
  const name = context.module.name;
  if (container.state !== 'running') return decision(statusOf(context, 'stopped', ''), { isUp: true });
  const retry = pendingRetry(context, ['stop']);
  const status = statusOf(context, 'running', retry?.wait.why ?? 'is being stopped', retry?.wait.untilMs ?? null);
  if (retry) return decision(status, { waits: [retry.wait], isUp: true });
  return decision(status, { stops: [{ kind: 'stop', name, onPurpose: true }], isUp: true });
}
