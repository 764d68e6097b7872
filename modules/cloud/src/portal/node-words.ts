// The words for a cache node: its state with a tone, its reasons with what to do next (connected-cache.md 1.7, 1.19).

import type { NodeState, RuntimeStatus } from '@wayside/protocol';
import type { Reason } from '../nodes/node-record.ts';
import { type Html, html, path } from './html.ts';
import { badge, type Tone } from './icons.ts';
import { PORTAL } from './portal-path.ts';

export const STATES: readonly NodeState[] = [
  'Healthy',
  'Unhealthy',
  'NeverPhonedHome',
  'NotProvisioned',
  'NotConfigured',
  'Disabled',
];

const STATE_WORDS: { readonly [state in NodeState]: { label: string; tone: Tone } } = {
  Healthy: { label: 'Healthy', tone: 'healthy' },
  Unhealthy: { label: 'Unhealthy', tone: 'fault' },
  NeverPhonedHome: { label: 'Never phoned home', tone: 'attention' },
  NotProvisioned: { label: 'Not provisioned', tone: 'busy' },
  NotConfigured: { label: 'Not configured', tone: 'attention' },
  Disabled: { label: 'Disabled', tone: 'off' },
};

export function stateLabel(state: NodeState): string {
  return STATE_WORDS[state]?.label ?? state;
}

export function stateTone(state: NodeState): Tone {
  return STATE_WORDS[state]?.tone ?? 'attention';
}

export function stateBadge(state: NodeState): Html {
  return badge(stateTone(state), stateLabel(state));
}

const STATUS_TONES: { readonly [status in RuntimeStatus]: Tone } = {
  running: 'healthy',
  backoff: 'attention',
  unhealthy: 'fault',
  failed: 'fault',
  dead: 'fault',
  stopped: 'off',
  unknown: 'stale',
};

export function moduleBadge(status: RuntimeStatus, desired: 'running' | 'stopped' | null): Html {
  const isMissing = status === 'stopped' && desired === 'running';
  return badge(isMissing ? 'fault' : (STATUS_TONES[status] ?? 'attention'), status);
}

export interface NextStep {
  text: string;
  /** Where it is done, and the words of the link. */
  link?: { label: string; href: string };
}

/** What an operator does about a reason. */
export function nextStep(node: string, reason: Pick<Reason, 'code' | 'text'>): NextStep | undefined {
  return NEXT_STEPS[reason.code]?.(node);
}

const at = (node: string, place: string) => path`/portal/nodes/${node}` + place;

const NEXT_STEPS: { readonly [code: string]: (node: string) => NextStep } = {
  Disabled: (node) => ({
    text: 'Enable it to route clients here.',
    link: { label: 'Open the node', href: at(node, '#actions') },
  }),
  FieldMissing: (node) => ({
    text: 'Fill in what is missing.',
    link: { label: 'Edit the settings', href: at(node, '/edit') },
  }),
  IdentityMissing: (node) => ({
    text: 'Run a new provisioning command on the server.',
    link: { label: 'Provision again', href: at(node, '/provision') },
  }),
  IdentityDisabled: () => ({ text: 'Enable the device in the registry (IoT Hub API: status "enabled").' }),
  NotProvisioned: (node) => ({
    text: 'Run the provisioning command on the server.',
    link: { label: 'Get the command', href: at(node, '/provision') },
  }),
  NeverPhonedHome: (node) => ({
    text: 'On the server: sudo iotedge list, then sudo iotedge check --verbose. It can take a few minutes for the containers to deploy.',
    link: { label: 'Follow the progress', href: at(node, '/provision') },
  }),
  HeartbeatLost: () => ({
    text: 'Is the server up and online? On the server: sudo iotedge check --verbose tells which outbound port or DNS name fails.',
  }),
  DeploymentFailed: (node) => ({
    text: 'Read what edgeAgent says, correct the deployment, or deploy the earlier one again.',
    link: { label: 'Open the deployment', href: at(node, '/deployment') },
  }),
  DeploymentLate: (node) => ({
    text: 'The node has not taken the deployment over: read the log of edgeAgent.',
    link: { label: 'Log of edgeAgent', href: at(node, '/logs?module=edgeAgent') },
  }),
  DeploymentPending: () => ({ text: 'Nothing to do: images are being fetched and containers started.' }),
  ModuleNotRunning: (node) => ({
    text: 'Read the log of the module, then restart it.',
    link: { label: 'Open the logs', href: at(node, '/logs') },
  }),
  DataPortUnreachable: () => ({
    text: 'Clients cannot reach it either: is the port open in the firewall, and free of other web servers?',
  }),
  DataPortUnconfirmed: () => ({ text: 'The first probe comes within a minute.' }),
  UpdateFailed: () => ({
    text: 'It is not tried again by itself: a newer version is, or this one when you ask (wayside node update NODE --now).',
  }),
  UpdateLate: (node) => ({
    text: 'Is the node online, and can it pull the images? Read the log of edgeAgent.',
    link: { label: 'Log of edgeAgent', href: at(node, '/logs?module=edgeAgent') },
  }),
  DriveFailed: () => ({
    text: 'Check the folder on the server: does it exist, may the cache write (chmod 777), is the drive full or broken?',
  }),
};

export function nodeHref(name: string): string {
  return `${PORTAL}/nodes/${encodeURIComponent(name)}`;
}

/** `how` shows the reasons as a list with what to do next. */
export function reasonList(node: string, reasons: readonly Reason[], timeOf: (utc: string) => Html): Html {
  const items = reasons.map((reason) => {
    const step = nextStep(node, reason);
    const since = reason.sinceUtc ? html`<span class="since">since ${timeOf(reason.sinceUtc)}</span>` : '';
    const link = step?.link ? html` <a href="${step.link.href}">${step.link.label}</a>` : '';
    return html`<li><p class="reason-text">${reason.text} ${since}</p>${step ? html`<p class="next-step"><span class="next-label">Next:</span> ${step.text}${link}</p>` : ''}</li>`;
  });
  return html`<ul class="reasons">${items}</ul>`;
}
