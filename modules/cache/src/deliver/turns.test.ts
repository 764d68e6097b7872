import { describe, expect, test } from '@jest/globals';
import { Turns } from './turns.ts';

/** A loop whose turns are made by hand and whose clock moves only by what steps take. */
function handLoop() {
  let nowMs = 0;
  const scheduled: (() => void)[] = [];
  const turns = new Turns({ nowMs: () => nowMs, nextTurn: (run) => scheduled.push(run) });
  const log: string[] = [];
  const step = (name: string, ms: number, more?: () => void) => () => {
    log.push(name);
    nowMs += ms;
    more?.();
  };
  /** Runs one turn; answers what ran in it. */
  const turn = () => {
    log.length = 0;
    const [run, ...others] = scheduled.splice(0);
    expect(others).toEqual([]);
    run?.();
    return log.join('');
  };
  return { turns, step, turn };
}

describe('Turns', () => {
  test('runs steps in order, for about a millisecond a turn', () => {
    const { turns, step, turn } = handLoop();
    for (const name of 'abcdefg') turns.add(step(name, 0.4));
    expect([turn(), turn(), turn(), turn()]).toEqual(['abc', 'def', 'g', '']);
    expect(turns.waiting).toBe(0);
  });

  test('a step longer than a turn has the turn for itself', () => {
    const { turns, step, turn } = handLoop();
    for (const name of 'ab') turns.add(step(name, 5));
    expect([turn(), turn()]).toEqual(['a', 'b']);
  });

  test('a step that adds itself again comes after the others, in a later turn', () => {
    const { turns, step, turn } = handLoop();
    turns.add(step('a', 0, () => turns.add(step('A', 0))));
    turns.add(step('b', 0));
    expect([turn(), turn()]).toEqual(['ab', 'A']);
  });

  test('turns are shorter while bodies begin', () => {
    const { turns, step, turn } = handLoop();
    for (const name of 'abcdefghij') turns.add(step(name, 0.06));
    turns.noteArrival();
    expect([turn(), turn(), turn(), turn(), turn()]).toEqual(['ab', 'cd', 'ef', 'gh', 'ij']);
  });

  test('thousands of steps: each runs once, in order', () => {
    const { turns, step, turn } = handLoop();
    let expected = '';
    for (let i = 0; i < 5000; i += 1) {
      const name = `${i},`;
      expected += name;
      turns.add(step(name, 0.5));
    }
    let got = '';
    while (turns.waiting > 0) got += turn();
    expect(got).toBe(expected);
  });
});
