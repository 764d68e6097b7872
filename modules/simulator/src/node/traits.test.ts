import { expect, test } from '@jest/globals';
import { drawTraits } from './traits.ts';

const NONE = { flap: 0, failShare: 0, staleShare: 0 };
const names = Array.from({ length: 400 }, (_, index) => `node-${index}`);

test('another share of one fault leaves every other trait as it is', () => {
  for (const name of names.slice(0, 50)) {
    const { isFlapping: _, ...calm } = drawTraits(1, name, 4, NONE);
    const { isFlapping, ...flapping } = drawTraits(1, name, 4, { ...NONE, flap: 1 });
    expect(flapping).toEqual(calm);
    expect(isFlapping).toBe(true);
  }
});

test('a share of the nodes has the fault, and more of them with a larger share', () => {
  const faulty = (staleShare: number) =>
    names.filter((name) => drawTraits(1, name, 4, { ...NONE, staleShare }).staleAfterMs !== undefined);
  expect(faulty(0)).toEqual([]);
  expect(faulty(0.25).length).toBeGreaterThan(60);
  expect(faulty(0.25).length).toBeLessThan(140);
  expect(faulty(0.5)).toEqual(expect.arrayContaining(faulty(0.25)));
});
