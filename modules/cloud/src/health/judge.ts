// Judges a cache node: one state and every reason for it, worst first (connected-cache.md 1.7, plus the data port that the original does not look at).

import type { CacheReport, NodeState, RuntimeStatus } from '@wayside/protocol';

/** How long a deployment may be on its way before that is a fault: image pulls of a slow line. */
export const DEPLOYMENT_GRACE_MS = 600_000;

export interface ModuleFacts {
  name: string;
  /** null: not in the deployment. */
  desiredStatus: 'running' | 'stopped' | null;
  /** undefined: the node has not reported the module. */
  runtimeStatus: RuntimeStatus | undefined;
  statusDescription: string;
}

export interface NodeFacts {
  nowMs: number;
  isEnabled: boolean;
  /** Fields still to be filled in: `ipAddress`, `drives`. */
  missingFields: readonly string[];
  /** Is the device in the registry, and may it connect? */
  identity: 'ok' | 'missing' | 'disabled';
  isProvisioned: boolean;
  heartbeatAtMs: number | null;
  heartbeatWindowMs: number;
  modules: readonly ModuleFacts[];
  /** `null`: the agent has said nothing yet. `changedAtMs`: when desiredVersion came to be, as far as is known. */
  deployment: {
    desiredVersion: number;
    handledVersion: number;
    code: number;
    description: string;
    changedAtMs: number;
  } | null;
  probe: { verdict: 'unknown' | 'up' | 'down'; error: string | null };
  /** What is wrong with the updates of its modules. */
  update?: { kind: 'UpdateFailed' | 'UpdateLate'; version: string; text: string } | undefined;
  drives: readonly Pick<CacheReport['drives'][number], 'path' | 'state' | 'issue'>[];
}

export type ReasonCode =
  | 'Disabled'
  | 'FieldMissing'
  | 'IdentityMissing'
  | 'IdentityDisabled'
  | 'NotProvisioned'
  | 'NeverPhonedHome'
  | 'HeartbeatLost'
  | 'DeploymentFailed'
  | 'DeploymentLate'
  | 'DeploymentPending'
  | 'ModuleNotRunning'
  | 'DataPortUnreachable'
  | 'DataPortUnconfirmed'
  | 'DriveFailed'
  | 'UpdateFailed'
  | 'UpdateLate';

export interface JudgedReason {
  code: ReasonCode;
  /** Module or drive the reason is about; '' = the node. */
  subject: string;
  text: string;
}

export interface Judgement {
  state: NodeState;
  reasons: JudgedReason[];
}

/** Pure; the same facts give the same judgement. */
export function judge(facts: NodeFacts): Judgement {
  const reasons = [...configurationReasons(facts), ...contactReasons(facts)];
  const isInContact = facts.isProvisioned && facts.heartbeatAtMs !== null;
  if (isInContact) reasons.push(...workReasons(facts));
  const { update } = facts;
  if (update) reasons.push(about(update.kind, update.text, update.version));
  return { state: stateOf(facts, reasons), reasons };
}

/** Words for the list of nodes. */
export function stateTextOf(state: NodeState): string {
  return STATE_TEXTS[state];
}

const STATE_TEXTS: { [state in NodeState]: string } = {
  NotConfigured: 'One of the necessary configurations - basics, storage, routing - is missing',
  NotProvisioned: 'Configured, the provisioning command has not been run yet',
  NeverPhonedHome: 'Provisioned, no heartbeat yet',
  Healthy: 'Healthy',
  Unhealthy: 'Unhealthy',
  Disabled: 'Disabled: no clients are routed here',
};

/** Reasons that are told but do not make a node unhealthy. */
const NOTICES: readonly ReasonCode[] = ['Disabled', 'DeploymentPending', 'UpdateFailed', 'UpdateLate'];

function stateOf(facts: NodeFacts, reasons: readonly JudgedReason[]): NodeState {
  if (!facts.isEnabled) return 'Disabled';
  if (facts.missingFields.length > 0) return 'NotConfigured';
  if (!facts.isProvisioned) return 'NotProvisioned';
  if (facts.heartbeatAtMs === null) return 'NeverPhonedHome';
  return reasons.every((reason) => NOTICES.includes(reason.code)) ? 'Healthy' : 'Unhealthy';
}

function configurationReasons(facts: NodeFacts): JudgedReason[] {
  const reasons: JudgedReason[] = [];
  if (!facts.isEnabled) reasons.push(about('Disabled', 'The cache node is switched off: no clients are routed here'));
  for (const field of facts.missingFields) {
    reasons.push(about('FieldMissing', `${FIELD_TEXTS[field] ?? field} is not set`, field));
  }
  if (facts.identity === 'missing') {
    reasons.push(
      about('IdentityMissing', 'The device of this node was deleted from the registry; provision the node again'),
    );
  }
  if (facts.identity === 'disabled') {
    reasons.push(about('IdentityDisabled', 'The device of this node is disabled in the registry: it cannot connect'));
  }
  return reasons;
}

const FIELD_TEXTS: { [field: string]: string } = {
  ipAddress: 'The server IP address',
  drives: 'The storage (at least one cache drive)',
};

function contactReasons(facts: NodeFacts): JudgedReason[] {
  if (!facts.isProvisioned)
    return [about('NotProvisioned', 'The provisioning command has not been run on a server yet')];
  if (facts.heartbeatAtMs === null)
    return [about('NeverPhonedHome', 'No heartbeat has come since the node was provisioned')];
  const silentMs = facts.nowMs - facts.heartbeatAtMs;
  if (silentMs <= facts.heartbeatWindowMs) return [];
  const last = new Date(facts.heartbeatAtMs).toISOString();
  return [
    about('HeartbeatLost', `No heartbeat for more than ${facts.heartbeatWindowMs / 1000} s, the last came at ${last}`),
  ];
}

function workReasons(facts: NodeFacts): JudgedReason[] {
  const isSilent = facts.nowMs - (facts.heartbeatAtMs ?? 0) > facts.heartbeatWindowMs;
  const reasons: JudgedReason[] = probeReasons(facts);
  // What a silent node said last is no news: only what the cloud sees itself counts.
  if (isSilent) return reasons;
  return [...reasons, ...deploymentReasons(facts), ...moduleReasons(facts), ...driveReasons(facts)];
}

function probeReasons({ probe, missingFields }: NodeFacts): JudgedReason[] {
  if (missingFields.includes('ipAddress') || probe.verdict === 'up') return [];
  if (probe.verdict === 'down') {
    return [about('DataPortUnreachable', `The data port does not answer: ${probe.error ?? 'no answer'}`)];
  }
  const why = probe.error === null ? 'no probe has ended yet' : probe.error;
  return [about('DataPortUnconfirmed', `The data port has not answered a probe yet: ${why}`)];
}

function isDeploymentPending(facts: NodeFacts): boolean {
  const deployment = facts.deployment;
  return deployment !== null && deployment.handledVersion < deployment.desiredVersion;
}

function deploymentReasons(facts: NodeFacts): JudgedReason[] {
  const deployment = facts.deployment;
  if (deployment === null) return [];
  if (isDeploymentPending(facts)) {
    const isLate = facts.nowMs - deployment.changedAtMs > DEPLOYMENT_GRACE_MS;
    const text = `Deployment ${deployment.desiredVersion} is on its way, the node handled ${deployment.handledVersion} last`;
    return [about(isLate ? 'DeploymentLate' : 'DeploymentPending', text)];
  }
  if (deployment.code === 200) return [];
  const what = deployment.description || 'no description';
  return [about('DeploymentFailed', `Deployment ${deployment.handledVersion} ended with ${deployment.code}: ${what}`)];
}

function moduleReasons(facts: NodeFacts): JudgedReason[] {
  const reasons: JudgedReason[] = [];
  for (const module of facts.modules) {
    if (module.desiredStatus !== 'running' || module.runtimeStatus === 'running') continue;
    // A module that a pending deployment brings is not missing yet.
    if (module.runtimeStatus === undefined && isDeploymentPending(facts)) continue;
    const is = module.runtimeStatus ?? 'not reported by the node';
    const why = module.statusDescription === '' ? '' : `: ${module.statusDescription}`;
    reasons.push(about('ModuleNotRunning', `Module ${module.name} is ${is}${why}`, module.name));
  }
  return reasons;
}

function driveReasons(facts: NodeFacts): JudgedReason[] {
  return facts.drives
    .filter((drive) => drive.state !== 'ok')
    .map((drive) => about('DriveFailed', `Cache drive ${drive.path} failed: ${drive.issue ?? 'Other'}`, drive.path));
}

function about(code: ReasonCode, text: string, subject = ''): JudgedReason {
  return { code, subject, text };
}
