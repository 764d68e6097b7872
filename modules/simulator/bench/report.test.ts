import { expect, test } from '@jest/globals';
import { SECTION, withSection } from './report.ts';

test('the section takes the place of the one before, whatever stands around it', () => {
  const fresh = `${SECTION}\n\nnew\n`;
  expect(withSection('# Benchmarks\n\nhits\n', fresh)).toBe(`# Benchmarks\n\nhits\n\n${fresh}`);
  expect(withSection(`# Benchmarks\n\nhits\n\n${SECTION}\n\nold\n`, fresh)).toBe(`# Benchmarks\n\nhits\n\n${fresh}`);
  expect(withSection(`${SECTION}\n\nold\n\n# Other\n\nx\n`, fresh)).toBe(`${fresh}\n# Other\n\nx\n`);
});
