import { describe, expect, test } from '@jest/globals';
import type { ProtocolStatus } from '../engine/protocol-status.ts';
import { afterRead, firstLife, type LifeAction, type LifeRules, observe, type SessionLife } from './session-life.ts';

const RULES: LifeRules = { holdMs: 900_000, settleMs: 10_000, settleMaxMs: 120_000, rereadMs: 30_000 };

const up = (activity: string, imported = 1, since = 'T1'): ProtocolStatus => ({
  ...{ name: 's_r1', state: 'up', since, bgpState: 'Established', lastError: '', imported, filtered: 0 },
  activity,
});
const down = (lastError = ''): ProtocolStatus => ({ ...up('', 0), state: 'start', bgpState: 'Passive', lastError });
const shut: ProtocolStatus = { ...down('Automatic shutdown: Route limit exceeded'), bgpState: 'Down' };

/** A session under a clock; reads answer `size` at once. */
class Session {
  life: SessionLife;
  nowMs = 0;
  actions: [number, LifeAction][] = [];
  readonly size: number;

  constructor(size = 0, readSize = 5) {
    this.life = firstLife(size, 0, RULES);
    this.size = readSize;
  }

  /** Looks every second for so long. */
  see(status: ProtocolStatus | undefined, secs: number): this {
    for (let i = 0; i < secs; i += 1) {
      const { life, action } = observe(this.life, status, this.nowMs, RULES);
      this.life = action === 'read' ? afterRead(life, life.activity, this.size, this.nowMs) : life;
      if (action !== 'none') this.actions.push([this.nowMs / 1000, action]);
      this.nowMs += 1000;
    }
    return this;
  }
}

describe('the life of a session', () => {
  test('routes are read once updates have ceased, then only when something came', () => {
    const session = new Session().see(up('1'), 5).see(up('2'), 200);
    expect(session.actions).toEqual([[15, 'read']]);
    expect(session.life.phase).toBe('live');
    session.see(up('3'), 60);
    expect(session.actions).toEqual([
      [15, 'read'],
      [215, 'read'],
    ]);
  });

  test('two reads are apart: what flaps within is one read', () => {
    const session = new Session().see(up('1'), 20);
    for (let i = 0; i < 15; i += 1) session.see(up(`a${i}`), 1);
    session.see(up('end'), 60);
    expect(session.actions.map(([, action]) => action)).toEqual(['read', 'read']);
    expect(session.actions[1]?.[0]).toBeGreaterThanOrEqual(40);
  });

  test('a session that never gets quiet is read all the same', () => {
    const session = new Session();
    for (let i = 0; i < 400; i += 1) session.see(up(String(i)), 1);
    expect(session.actions.map(([at]) => at)).toEqual([120, 241, 362]);
  });

  test('after a loss the routes are held, then dropped once', () => {
    const session = new Session().see(up('1'), 20).see(down(), 1000);
    expect(session.actions).toEqual([
      [10, 'read'],
      [920, 'drop'],
    ]);
    expect(session.life).toMatchObject({ phase: 'down', downs: 1, size: 0 });
  });

  test('back in time: the held routes give way to a whole table only, and an empty one gets the time of the hold', () => {
    const session = new Session()
      .see(up('1'), 20)
      .see(down(), 30)
      .see(up('', 0, 'T2'), 300);
    expect(session.actions).toEqual([[10, 'read']]);
    expect(session.life.phase).toBe('settling');
    session.see(up('7', 3, 'T2'), 20);
    expect(session.actions[1]).toEqual([360, 'read']);
    expect(session.life).toMatchObject({ phase: 'live', heldUntilMs: null });
  });

  test('a router that stays empty loses its routes at the end of the hold', () => {
    const session = new Session()
      .see(up('1'), 20)
      .see(down(), 30)
      .see(up('', 0, 'T2'), 1000);
    expect(session.actions).toEqual([
      [10, 'read'],
      [920, 'read'],
    ]);
  });

  test('losses while settling do not lengthen the hold', () => {
    const session = new Session().see(up('1'), 20);
    for (let i = 0; i < 100; i += 1) session.see(down(), 5).see(up('x', 1, `T${i}`), 5);
    const [at, action] = session.actions[1] as [number, LifeAction];
    expect(action).toBe('drop');
    // The first look at which it is down after the 900 s.
    expect(at).toBeLessThanOrEqual(925);
  });

  test('a loss between two looks shows by the time of the last change', () => {
    const session = new Session().see(up('1'), 20).see(up('0', 0, 'T2'), 60);
    expect(session.life).toMatchObject({ phase: 'settling', downs: 1 });
    expect(session.actions).toEqual([[10, 'read']]);
  });

  test('the prefix limit keeps the last good set without end; a router that comes back after it begins a hold', () => {
    const session = new Session().see(up('1'), 20).see(shut, 100_000);
    expect(session.actions).toEqual([[10, 'read']]);
    expect(session.life).toMatchObject({ phase: 'limited', heldUntilMs: null, size: 5 });
    session.see(down(), 800);
    expect(session.life.phase).toBe('held');
    session.see(up('1', 2, 'T3'), 20);
    expect(session.life.phase).toBe('live');
  });

  test('routes of the last run are held like those of a lost session', () => {
    const session = new Session(5).see(undefined, 901);
    expect(session.actions).toEqual([[900, 'drop']]);
    expect(session.life.downs).toBe(0);
  });

  test('a session that was never up holds nothing', () => {
    expect(new Session().see(down('x'), 2000).actions).toEqual([]);
  });
});
