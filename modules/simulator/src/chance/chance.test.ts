import { expect, test } from '@jest/globals';
import { Chance } from './chance.ts';

const draws = (seed: number, name: string) => {
  const chance = Chance.of(seed, name);
  return Array.from({ length: 1_000 }, () => chance.next());
};

test('equal seeds and names draw the same, others do not', () => {
  expect(draws(1, 'a')).toEqual(draws(1, 'a'));
  expect(draws(1, 'a')).not.toEqual(draws(2, 'a'));
  expect(draws(1, 'a')).not.toEqual(draws(1, 'b'));
});

test('draws fill their range evenly', () => {
  const values = draws(7, 'even');
  expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...values)).toBeLessThan(1);
  for (const from of [0, 0.25, 0.5, 0.75]) {
    const inside = values.filter((value) => value >= from && value < from + 0.25).length;
    expect(inside).toBeGreaterThan(200);
    expect(inside).toBeLessThan(300);
  }
});

test('half of the draws around a median lie below it', () => {
  const chance = Chance.of(3, 'around');
  const below = Array.from({ length: 1_000 }, () => chance.around(300, 0.8)).filter((value) => value < 300).length;
  expect(below).toBeGreaterThan(440);
  expect(below).toBeLessThan(560);
});
