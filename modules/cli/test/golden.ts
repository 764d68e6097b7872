// Compares text with a file under test/golden. GOLDEN_UPDATE=1 writes the files anew; the difference then shows in git.

import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from '@jest/globals';

export function expectGolden(name: string, actual: string): void {
  const file = new URL(`./golden/${name}`, import.meta.url);
  if (process.env.GOLDEN_UPDATE === '1') writeFileSync(file, actual);
  expect(actual).toBe(readFileSync(file, 'utf8'));
}
