import { expect, test } from '@jest/globals';
import { SECTION, setupOf, withRun } from './report.ts';

const small = setupOf({ nodes: 100, store: 'SQLite', replicas: 1 });
const large = setupOf({ nodes: 5000, store: 'PostgreSQL 15', replicas: 2 });
const hits = '# Benchmarks\n\nhits\n';

test('a run takes the place of the one before of its setup, whatever stands around it', () => {
  const once = withRun(hits, small, `${small}\n\nold\n`);
  expect(once.startsWith(`${hits}\n${SECTION}\n\nBy `)).toBe(true);
  const both = withRun(once, large, `${large}\n\nlarge\n`);
  expect(both.endsWith(`${small}\n\nold\n\n${large}\n\nlarge\n`)).toBe(true);
  const renewed = withRun(`${both}\n# Other\n\nx\n`, small, `${small}\n\nnew\n`);
  expect(renewed).toBe(`${both.replace('old', 'new')}\n# Other\n\nx\n`);
  expect(withRun(renewed, large, `${large}\n\nlarge\n`)).toBe(renewed);
});

test('setups are told apart', () => {
  expect([small, large]).toEqual(['## 100 nodes, SQLite, 1 process', '## 5000 nodes, PostgreSQL 15, 2 processes']);
});
