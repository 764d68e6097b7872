// The life of one session's routes: when they are read, held after a loss, and given up. Pure: (life, what is seen) -> (life, action).
//
//   down ----up----> settling --read--> live --loss--> held --time--> down
//                        ^-------------- up ------------'   live/settling --limit--> limited (held without end)

import type { ProtocolStatus } from '../engine/protocol-status.ts';

export type Phase = 'down' | 'settling' | 'live' | 'held' | 'limited';

export interface SessionLife {
  phase: Phase;
  /** The routes are given up then; null in other phases. */
  heldUntilMs: number | null;
  /** Counters at the last observation, and since when they stand still. */
  activity: string;
  quietSinceMs: number;
  /** First movement since the last read; null = none. */
  movedAtMs: number | null;
  /** Counters and time of the last read; '' = not read since the session is up. */
  readActivity: string;
  readAtMs: number;
  upSinceMs: number | null;
  /** BIRD's own time of the last change: another one although up before and after means a loss nobody saw. */
  since: string;
  downs: number;
  /** Routes in force. */
  size: number;
}

export interface LifeRules {
  /** How long the routes of a lost session stay. */
  holdMs: number;
  /** Updates must have ceased for so long before the routes are read: nobody is told half of a table. */
  settleMs: number;
  /** A session that never gets quiet is read after this long all the same. */
  settleMaxMs: number;
  /** Between two reads: what flaps within is never seen. */
  rereadMs: number;
}

/** drop: the routes are given up. */
export type LifeAction = 'none' | 'read' | 'drop';

/** Life at the start of the module: routes of the last run are held as after a loss. */
export function firstLife(size: number, nowMs: number, rules: LifeRules): SessionLife {
  return {
    phase: size > 0 ? 'held' : 'down',
    heldUntilMs: size > 0 ? nowMs + rules.holdMs : null,
    ...{
      activity: '',
      quietSinceMs: nowMs,
      movedAtMs: null,
      readActivity: '',
      readAtMs: 0,
      upSinceMs: null,
      since: '',
      downs: 0,
      size,
    },
  };
}

/** @param status undefined = the engine does not know the session or does not run. */
export function observe(
  life: SessionLife,
  status: ProtocolStatus | undefined,
  nowMs: number,
  rules: LifeRules,
): { life: SessionLife; action: LifeAction } {
  if (status !== undefined && status.bgpState === 'Established') return observeUp(life, status, nowMs, rules);
  const wasUp = life.phase === 'live' || life.phase === 'settling';
  const next: SessionLife = {
    ...life,
    ...{ activity: '', readActivity: '', upSinceMs: null, downs: life.downs + (wasUp ? 1 : 0) },
  };
  if (status !== undefined && isLimitHit(status)) {
    return { life: { ...next, phase: 'limited', heldUntilMs: null }, action: 'none' };
  }
  if (life.phase === 'down') return { life: next, action: 'none' };
  if (wasUp || life.phase === 'limited') {
    // A session that was lost again before it was read does not get more time.
    const heldUntilMs = life.heldUntilMs ?? nowMs + rules.holdMs;
    if (life.size > 0) return { life: { ...next, phase: 'held', heldUntilMs }, action: 'none' };
    return { life: { ...next, phase: 'down', heldUntilMs: null }, action: 'none' };
  }
  return heldOrGone(next, nowMs);
}

function heldOrGone(life: SessionLife, nowMs: number): { life: SessionLife; action: LifeAction } {
  if (life.heldUntilMs === null || nowMs < life.heldUntilMs) return { life, action: 'none' };
  return { life: { ...life, phase: 'down', heldUntilMs: null, size: 0 }, action: 'drop' };
}

function observeUp(
  life: SessionLife,
  status: ProtocolStatus,
  nowMs: number,
  rules: LifeRules,
): { life: SessionLife; action: LifeAction } {
  const wasUp = life.phase === 'live' || life.phase === 'settling';
  const isNew = !wasUp || status.since !== life.since;
  const hasMoved = isNew || status.activity !== life.activity;
  const isHolding = isNew && life.size > 0;
  const next: SessionLife = {
    ...life,
    phase: isNew ? 'settling' : life.phase,
    heldUntilMs: isHolding ? (life.heldUntilMs ?? nowMs + rules.holdMs) : life.heldUntilMs,
    downs: wasUp && isNew ? life.downs + 1 : life.downs,
    since: status.since,
    readActivity: isNew ? '' : life.readActivity,
    activity: status.activity,
    quietSinceMs: hasMoved ? nowMs : life.quietSinceMs,
    movedAtMs: hasMoved ? (life.movedAtMs ?? nowMs) : life.movedAtMs,
    upSinceMs: isNew ? nowMs : life.upSinceMs,
  };
  return isReadDue(next, status, nowMs, rules) ? { life: next, action: 'read' } : { life: next, action: 'none' };
}

function isReadDue(life: SessionLife, status: ProtocolStatus, nowMs: number, rules: LifeRules): boolean {
  const isQuiet = nowMs - life.quietSinceMs >= rules.settleMs;
  if (life.phase === 'settling') {
    // Held routes give way only to a table that came in whole; a router that sends nothing gets the time of the hold.
    if (life.heldUntilMs !== null) {
      const isOverdue = nowMs >= life.heldUntilMs;
      return isOverdue || (isQuiet && status.imported > 0);
    }
    return isQuiet || nowMs - (life.upSinceMs ?? nowMs) >= rules.settleMaxMs;
  }
  if (life.activity === life.readActivity) return false;
  if (nowMs - life.readAtMs < rules.rereadMs) return false;
  return isQuiet || nowMs - (life.movedAtMs ?? nowMs) >= rules.settleMaxMs;
}

/** After the routes were read; `activity` = the counters seen before the read began. */
export function afterRead(life: SessionLife, activity: string, size: number, nowMs: number): SessionLife {
  return { ...life, phase: 'live', heldUntilMs: null, movedAtMs: null, readActivity: activity, readAtMs: nowMs, size };
}

/** BIRD's texts when an import or receive limit with `action disable` shut the session. */
export function isLimitHit({ lastError, bgpState }: Pick<ProtocolStatus, 'lastError' | 'bgpState'>): boolean {
  return bgpState === 'Down' && lastError.includes('Route limit exceeded');
}
