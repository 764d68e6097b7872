// plan(desired, observed, facts): what to do now, what is waited for and why, and what to say about each module. Pure and total.
// Order (iotedge.md 2.3, improved): the agent's own update first and alone; then what stops or leaves; then start-up groups.

import { isSameAgent, isSameContainer } from './fingerprint.ts';
import { prepareImage } from './image-need.ts';
import {
  type Desired,
  type Facts,
  imageKey,
  type ModuleStatus,
  type Observed,
  type Plan,
  type Step,
  stepKey,
  type Wait,
} from './model.ts';
import { decideModule } from './module-decision.ts';

const SYSTEM_IDENTITIES = new Set(['$edgeAgent', '$edgeHub']);
/** Identities made by others (a device developer's own) are never touched. */
const MANAGED_BY = 'IotEdge';

export function plan(desired: Desired, observed: Observed, facts: Facts): Plan {
  const agent = planAgent(desired, observed, facts);
  const leaving = planLeaving(desired, observed, facts);
  const groups = planGroups(desired, observed, facts);
  const statuses = [agent.status, ...groups.statuses, ...leaving.statuses];
  const waits = [...agent.waits, ...leaving.waits, ...groups.waits];
  if (agent.update) return { stages: [[agent.update]], waits, statuses };
  const stages = [leaving.steps, groups.stops, [...agent.steps, ...groups.steps]].filter((stage) => stage.length > 0);
  return { stages, waits, statuses };
}

interface AgentPlan {
  update?: Step;
  steps: Step[];
  waits: Wait[];
  status: ModuleStatus;
}

function planAgent(desired: Desired, observed: Observed, facts: Facts): AgentPlan {
  const module = desired.edgeAgent;
  const container = observed.modules.get('edgeAgent');
  const status: ModuleStatus = {
    name: 'edgeAgent',
    runtimeStatus: 'running',
    statusDescription: '',
    nextRetryAtMs: null,
  };
  // No container: the agent runs as a plain process (development); there is nothing to replace.
  if (!container || isSameAgent(module, container)) return { steps: [], waits: [], status };
  const image = prepareImage(module, facts, false);
  if (!image.ready) {
    const said = { ...status, statusDescription: image.why, nextRetryAtMs: image.retryAtMs ?? null };
    return { steps: image.steps, waits: image.waits, status: said };
  }
  const attempt = facts.attempts.get(stepKey('updateAgent', 'edgeAgent'));
  if (attempt && attempt.nextAtMs > facts.nowMs) {
    const why = `update to ${module.image} failed: ${attempt.lastError}`;
    const waits: Wait[] = [{ subject: 'edgeAgent', reason: 'retry', why, untilMs: attempt.nextAtMs }];
    return { steps: [], waits, status: { ...status, statusDescription: why, nextRetryAtMs: attempt.nextAtMs } };
  }
  const said = { ...status, statusDescription: `replaces itself by ${module.image}` };
  return { update: { kind: 'updateAgent', name: 'edgeAgent', module }, steps: [], waits: [], status: said };
}

function planLeaving(desired: Desired, observed: Observed, facts: Facts) {
  const wanted = new Set(['edgeAgent', ...desired.modules.map((module) => module.name)]);
  const steps: Step[] = [];
  const waits: Wait[] = [];
  const statuses: ModuleStatus[] = [];
  for (const container of observed.modules.values()) {
    if (wanted.has(container.name)) continue;
    const attempt = facts.attempts.get(stepKey('remove', container.name));
    const held = attempt !== undefined && attempt.nextAtMs > facts.nowMs;
    const why = held ? `cannot be removed: ${attempt.lastError}` : 'left the deployment, is being removed';
    statuses.push({
      name: container.name,
      runtimeStatus: container.state === 'dead' ? 'dead' : container.state,
      statusDescription: why,
      nextRetryAtMs: held ? attempt.nextAtMs : null,
    });
    if (held) {
      waits.push({ subject: container.name, reason: 'retry', why, untilMs: attempt.nextAtMs });
      continue;
    }
    if (container.state === 'running') steps.push({ kind: 'stop', name: container.name, onPurpose: false });
    steps.push({ kind: 'remove', name: container.name, forget: true });
  }
  planLeavingIdentities(wanted, observed, facts, steps, waits);
  return { steps, waits, statuses };
}

/** An identity goes after its container is gone, so that the module never runs with a key that the hub has forgotten. */
function planLeavingIdentities(
  wanted: ReadonlySet<string>,
  observed: Observed,
  facts: Facts,
  steps: Step[],
  waits: Wait[],
): void {
  for (const identity of observed.identities ?? []) {
    const { moduleId, managedBy } = identity;
    if (managedBy !== MANAGED_BY || SYSTEM_IDENTITIES.has(moduleId)) continue;
    if (wanted.has(moduleId) || observed.modules.has(moduleId)) continue;
    const attempt = facts.attempts.get(stepKey('deleteIdentity', moduleId));
    if (attempt && attempt.nextAtMs > facts.nowMs) {
      const why = `identity ${moduleId} cannot be deleted: ${attempt.lastError}`;
      waits.push({ subject: moduleId, reason: 'identity', why, untilMs: attempt.nextAtMs });
    } else steps.push({ kind: 'deleteIdentity', name: moduleId, moduleId });
  }
}

function planGroups(desired: Desired, observed: Observed, facts: Facts) {
  const steps: Step[] = [];
  const stops: Step[] = [];
  const waits: Wait[] = [];
  const statuses: ModuleStatus[] = [];
  let heldBy: { order: number; names: string[] } | undefined;
  const missing = facts.settings.waitsForAllPulls ? imagesMissing(desired, observed, facts) : [];
  const orders = [...new Set(desired.modules.map((module) => module.startupOrder))].sort((a, b) => a - b);
  for (const order of orders) {
    const notUp: string[] = [];
    for (const module of desired.modules.filter((each) => each.startupOrder === order)) {
      const container = observed.modules.get(module.name);
      const decision = decideModule(module, container, observed.identities, facts, { heldBy, missing });
      steps.push(...decision.steps);
      stops.push(...decision.stops);
      waits.push(...decision.waits);
      statuses.push(decision.status);
      if (!decision.isUp) notUp.push(module.name);
    }
    if (!heldBy && notUp.length > 0 && !hasWaitedEnough(order, facts)) heldBy = { order, names: notUp };
  }
  return { steps, stops, waits, statuses };
}

/** Modules that are to be made or replaced and whose image is not on the node yet. */
function imagesMissing(desired: Desired, observed: Observed, facts: Facts): string[] {
  return desired.modules
    .filter((module) => {
      const container = observed.modules.get(module.name);
      if (container && isSameContainer(module, container)) return false;
      return !prepareImage(module, facts, container === undefined).ready;
    })
    .map((module) => module.name);
}

/** A sick early module must not keep the rest of the node down for ever. */
function hasWaitedEnough(order: number, facts: Facts): boolean {
  const sinceMs = facts.groupWaitSinceMs.get(order);
  return sinceMs !== undefined && facts.nowMs - sinceMs >= facts.settings.startupGroupWaitMsMax;
}

/** Image keys a deployment still needs; others may be forgotten. */
export function neededImages(desired: Desired): Set<string> {
  return new Set([desired.edgeAgent, ...desired.modules].map(imageKey));
}
