// What the fleet counts about itself, and the two ways it is told: a live line and a summary.

import { Latency } from './latency.ts';

export interface Summary {
  nodes: number;
  secs: number;
  /** MQTT connections open now, of those wanted. */
  connections: number;
  connectionsWanted: number;
  connects: number;
  connectFailures: number;
  lostConnections: number;
  renewals: number;
  messagesAcked: number;
  messagesRepeated: number;
  messagesDropped: number;
  reports: number;
  desiredPatches: number;
  deploymentsApplied: number;
  deploymentsFailed: number;
  methodCalls: number;
  connectMs: { p50: number; p99: number; max: number };
  ackMs: { p50: number; p99: number; max: number };
  lastFault: string;
}

export class Figures {
  readonly connectMs = new Latency();
  readonly ackMs = new Latency();
  connections = 0;
  connectionsWanted = 0;
  connects = 0;
  connectFailures = 0;
  lostConnections = 0;
  renewals = 0;
  messagesAcked = 0;
  messagesRepeated = 0;
  messagesDropped = 0;
  reports = 0;
  desiredPatches = 0;
  deploymentsApplied = 0;
  deploymentsFailed = 0;
  methodCalls = 0;
  /** '' = none so far. */
  lastFault = '';

  summary(nodes: number, secs: number): Summary {
    const { connectMs, ackMs, ...counts } = this;
    return { nodes, secs: round(secs), ...counts, connectMs: quantiles(connectMs), ackMs: quantiles(ackMs) };
  }
}

/** One line of at most 120 characters. `before` = the line's summary a moment ago, for rates. */
export function liveLine(now: Summary, before: Summary): string {
  const secs = Math.max(0.001, now.secs - before.secs);
  const rate = (of: 'messagesAcked' | 'connects') => ((now[of] - before[of]) / secs).toFixed(0);
  const parts = [
    `${now.secs.toFixed(0)} s`,
    `${now.nodes} nodes`,
    `${now.connections}/${now.connectionsWanted} connected (${rate('connects')}/s, ${now.lostConnections} lost)`,
    `${rate('messagesAcked')} msg/s, ack p99 ${now.ackMs.p99} ms`,
    `${now.deploymentsApplied} applied`,
    ...(now.deploymentsFailed > 0 ? [`${now.deploymentsFailed} failed`] : []),
    ...(now.messagesDropped > 0 ? [`${now.messagesDropped} dropped`] : []),
  ];
  return parts.join(' | ').slice(0, 120);
}

function quantiles(latency: Latency): { p50: number; p99: number; max: number } {
  return {
    p50: round(latency.quantileMs(0.5)),
    p99: round(latency.quantileMs(0.99)),
    max: round(latency.maxMs),
  };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
