import { describe, expect, test } from '@jest/globals';
import { expectGolden } from '../../test/golden.ts';
import type { Check, CheckOutcome, CheckSection } from './check.ts';
import type { CheckContext } from './context.ts';
import {
  checkExitCode,
  checkJson,
  countOutcomes,
  outcomeText,
  runChecks,
  sectionTitle,
  type TextOptions,
  tailText,
} from './report.ts';

const CONTEXT = {} as CheckContext;

function aCheck(id: string, outcome: CheckOutcome): Check {
  return { id, description: `about ${id}`, run: async () => outcome };
}

const cause = new Error('connect ECONNREFUSED\nsecond line', { cause: new Error('deepest') });
const SECTIONS: CheckSection[] = [
  {
    name: 'Configuration checks',
    checks: [
      aCheck('good', { result: 'ok' }),
      aCheck('unseen', { result: 'ignored' }),
      aCheck('worrying', { result: 'warning', error: new Error('line one\nline two', { cause }) }),
      aCheck('lacking', { result: 'skipped' }),
      aCheck('needless', { result: 'skippedBecause', reason: 'not required in this configuration' }),
    ],
  },
  {
    name: 'Connectivity checks',
    checks: [aCheck('bad', { result: 'error', error: new Error('it broke', { cause }) })],
  },
];

async function report(options: TextOptions): Promise<string> {
  let text = '';
  const done = await runChecks(SECTIONS, CONTEXT, new Set(), (section, isFirst, check, outcome) => {
    text += (isFirst ? sectionTitle(section.name) : '') + outcomeText(check, outcome, options);
  });
  return text + tailText(countOutcomes(done), options);
}

describe('the report as text', () => {
  test('short', async () => expectGolden('check.txt', await report({ verbose: false, colours: false })));
  test('verbose', async () => expectGolden('check-verbose.txt', await report({ verbose: true, colours: false })));
  test('in colours, the plain text between', async () => {
    const coloured = await report({ verbose: true, colours: true });
    expect(coloured).toContain('\u001b[32m√ about good - OK\u001b[0m\n');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are control characters.
    expect(coloured.replace(/\u001b\[\d+m/g, '')).toBe(await report({ verbose: true, colours: false }));
  });
});

describe('runChecks()', () => {
  test('a fatal outcome ends the run', async () => {
    const done = await runChecks(
      [
        {
          name: 's',
          checks: [aCheck('a', { result: 'fatal', error: new Error('no') }), aCheck('b', { result: 'ok' })],
        },
        ...SECTIONS,
      ],
      CONTEXT,
      new Set(),
    );
    expect(done.flatMap((s) => s.checks.map(({ check }) => check.id))).toEqual(['a']);
    expect(countOutcomes(done)).toEqual({ ok: 0, warnings: 0, errors: 1, skipped: 0 });
  });

  test('a check that throws is an error, one that is not wanted is not run', async () => {
    const thrower: Check = { id: 'throws', description: 'd', run: () => Promise.reject(new Error('boom')) };
    const done = await runChecks([{ name: 's', checks: [thrower, thrower] }], CONTEXT, new Set());
    expect(done[0]?.checks[0]?.outcome).toEqual({ result: 'error', error: new Error('boom') });
    const none = await runChecks([{ name: 's', checks: [thrower] }], CONTEXT, new Set(['throws']));
    expect(none[0]?.checks[0]?.outcome).toEqual({ result: 'ignored' });
  });
});

test('checkJson() has the shape of the original and no secret', async () => {
  const leaky: Check = {
    id: 'leaky',
    description: 'd',
    run: async (_context, note) => {
      note({ proxy: 'http://user:hunter2@proxy:3128' });
      return { result: 'warning', error: new Error('token SharedAccessSignature sr=a&sig=abc%3D&se=1') };
    },
  };
  const done = await runChecks([...SECTIONS, { name: 's', checks: [leaky] }], CONTEXT, new Set());
  const text = checkJson(done, { docker_version: '20' });
  expect(text).not.toMatch(/hunter2|abc%3D/);
  const json = JSON.parse(text);
  expect(json.additional_info).toEqual({ docker_version: '20' });
  expect(json.checks.good).toEqual({ result: { result: 'ok' }, additional_info: {} });
  expect(json.checks.unseen.result).toEqual({ result: 'ignored' });
  expect(json.checks.needless.result).toEqual({ result: 'skipped' });
  expect(json.checks.bad.result).toEqual({
    result: 'error',
    details: ['it broke', 'connect ECONNREFUSED\nsecond line', 'deepest'],
  });
});

test('checkExitCode()', () => {
  expect(checkExitCode({ ok: 9, warnings: 1, errors: 0, skipped: 3 }, false)).toBe(0);
  expect(checkExitCode({ ok: 9, warnings: 1, errors: 0, skipped: 0 }, true)).toBe(1);
  expect(checkExitCode({ ok: 9, warnings: 0, errors: 1, skipped: 0 }, false)).toBe(1);
});
