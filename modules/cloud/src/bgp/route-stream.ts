// What a batch of a node's stream of routes means for what is held of it (protocol bgp.ts, rules at BgpRoutes). Pure.

import type { BgpRoutes } from '@wayside/protocol';

/** End of what was taken over of one epoch. */
export interface StreamEnd {
  /** '' = none. */
  epoch: string;
  seq: number;
  routes: number;
  hash: string;
}

export const NO_STREAM: StreamEnd = { epoch: '', seq: 0, routes: 0, hash: '0000000000000000' };

export interface StreamState {
  /** In force. */
  current: StreamEnd;
  /** A snapshot that is not whole yet. */
  next: StreamEnd;
}

export type StreamStep =
  | { do: 'ignore' }
  | { do: 'resync'; why: string }
  /** Apply to this end; `drop`: routes of an unfinished snapshot before it. */
  | { do: 'apply'; to: StreamEnd; isSnapshot: boolean; drop: string | undefined; isWhole: boolean };

export function nextStep(
  state: StreamState,
  batch: Pick<BgpRoutes, 'epoch' | 'seq' | 'kind' | 'part' | 'parts'>,
): StreamStep {
  const { current, next } = state;
  const known = batch.epoch === current.epoch ? current : batch.epoch === next.epoch ? next : undefined;
  if (known && batch.seq <= known.seq) return { do: 'ignore' };
  if (batch.kind === 'snapshot') return snapshotStep(state, batch, known);
  if (known !== current)
    return { do: 'resync', why: `a change of epoch ${batch.epoch} came, whose snapshot is not whole` };
  if (batch.seq !== current.seq + 1) return { do: 'resync', why: gap(current.seq, batch.seq) };
  return { do: 'apply', to: current, isSnapshot: false, drop: undefined, isWhole: false };
}

function snapshotStep(
  { current, next }: StreamState,
  batch: Pick<BgpRoutes, 'epoch' | 'seq' | 'part' | 'parts'>,
  known: StreamEnd | undefined,
): StreamStep {
  if (known === current) return { do: 'resync', why: `a snapshot came within epoch ${batch.epoch}, which has one` };
  const isWhole = batch.part === batch.parts;
  if (!known) {
    if (batch.seq !== 1) return { do: 'resync', why: gap(0, batch.seq) };
    const drop = next.epoch === '' ? undefined : next.epoch;
    return { do: 'apply', to: { ...NO_STREAM, epoch: batch.epoch }, isSnapshot: true, drop, isWhole };
  }
  if (batch.seq !== next.seq + 1) return { do: 'resync', why: gap(next.seq, batch.seq) };
  return { do: 'apply', to: next, isSnapshot: true, drop: undefined, isWhole };
}

/** Does the node say that it sent more than has come? `end` = BgpState.stream. */
export function isTailLost({ current, next }: StreamState, end: { epoch: string; seq: number } | null): boolean {
  if (end === null) return false;
  if (end.epoch === current.epoch) return end.seq > current.seq;
  return end.epoch !== next.epoch || end.seq > next.seq;
}

function gap(from: number, to: number): string {
  return `batch ${from + 1} is missing, ${to} came`;
}
