// Runs the checks in their order and tells the outcome as text or as JSON, in the original's layout (iotedge.md 5.4).

import { redactSecrets } from '@wayside/kit';
import type { Json, JsonObject } from '@wayside/protocol';
import { causeChain } from '../error-text.ts';
import { alignedTable } from '../table/aligned-table.ts';
import type { Check, CheckOutcome, CheckSection } from './check.ts';
import type { CheckContext } from './context.ts';

export interface CheckedSection {
  name: string;
  checks: { check: Check; outcome: CheckOutcome; additionalInfo: { [name: string]: Json } }[];
}

/** Runs every check not named in `dontRun`; after a fatal outcome none is run any more. `onChecked` sees each as it is done. */
export async function runChecks(
  sections: readonly CheckSection[],
  context: CheckContext,
  dontRun: ReadonlySet<string>,
  onChecked: (section: CheckSection, isFirst: boolean, check: Check, outcome: CheckOutcome) => void = () => undefined,
): Promise<CheckedSection[]> {
  const done: CheckedSection[] = [];
  for (const section of sections) {
    const checked: CheckedSection = { name: section.name, checks: [] };
    done.push(checked);
    for (const check of section.checks) {
      const additionalInfo: { [name: string]: Json } = {};
      const outcome = await runOne(check, context, dontRun, additionalInfo);
      onChecked(section, checked.checks.length === 0, check, outcome);
      checked.checks.push({ check, outcome, additionalInfo });
      if (outcome.result === 'fatal') return done;
    }
  }
  return done;
}

async function runOne(
  check: Check,
  context: CheckContext,
  dontRun: ReadonlySet<string>,
  facts: { [name: string]: Json },
): Promise<CheckOutcome> {
  if (dontRun.has(check.id)) return { result: 'ignored' };
  try {
    return await check.run(context, (more) => Object.assign(facts, more));
  } catch (error) {
    return { result: 'error', error: Error.isError(error) ? error : new Error(String(error)) };
  }
}

export interface TextOptions {
  verbose: boolean;
  colours: boolean;
}

const COLOURS = { green: '\u001b[32m', yellow: '\u001b[33m', red: '\u001b[31m' };
const COLOUR_OFF = '\u001b[0m';
const MESSAGE_INDENT = ' '.repeat(4);
const CAUSE_INDENT = ' '.repeat(8);
/** Blanks between the columns of `check-list`. */
const CHECK_LIST_GAP = 1;
const CAUSE_CONTINUATION = ' '.repeat(19);

export function sectionTitle(name: string): string {
  return `\n${name}\n${'-'.repeat([...name].length)}\n`;
}

/** Lines of one check; '' for what is not shown. */
export function outcomeText(check: Check, outcome: CheckOutcome, { verbose, colours }: TextOptions): string {
  const paint = (colour: keyof typeof COLOURS, text: string): string =>
    colours ? `${COLOURS[colour]}${text}${COLOUR_OFF}` : text;
  switch (outcome.result) {
    case 'ignored':
      return '';
    case 'ok':
      return `${paint('green', `√ ${check.description} - OK`)}\n`;
    case 'skipped':
      return verbose
        ? `${paint('yellow', `‼ ${check.description} - Warning`)}\n${MESSAGE_INDENT}skipping because of previous failures\n`
        : '';
    case 'skippedBecause':
      return verbose
        ? `${paint('green', `√ ${check.description} - OK`)}\n${MESSAGE_INDENT}skipping because of ${outcome.reason}\n`
        : '';
    default: {
      const bad = outcome.result !== 'warning';
      const title = bad ? `× ${check.description} - Error` : `‼ ${check.description} - Warning`;
      return `${paint(bad ? 'red' : 'yellow', `${title}\n${errorLines(outcome.error, verbose)}`)}\n`;
    }
  }
}

function errorLines(error: Error, verbose: boolean): string {
  const chain = causeChain(error).map(redactSecrets);
  const lines = chain[0]!.split('\n').map((line) => MESSAGE_INDENT + line);
  if (verbose)
    for (const cause of chain) {
      const [first, ...more] = cause.split('\n');
      lines.push(`${CAUSE_INDENT}caused by: ${first}`, ...more.map((line) => CAUSE_CONTINUATION + line));
    }
  return lines.join('\n');
}

export interface Counts {
  ok: number;
  warnings: number;
  errors: number;
  skipped: number;
}

export function countOutcomes(sections: readonly CheckedSection[]): Counts {
  const results = sections.flatMap((section) => section.checks.map(({ outcome }) => outcome.result));
  const count = (...kinds: CheckOutcome['result'][]): number => results.filter((kind) => kinds.includes(kind)).length;
  return {
    ok: count('ok'),
    warnings: count('warning'),
    errors: count('error', 'fatal'),
    skipped: count('skipped'),
  };
}

/** The lines below the last section. */
export function tailText(counts: Counts, { verbose, colours }: TextOptions): string {
  const more = verbose ? '' : ' Re-run with --verbose for more details.';
  const paint = (colour: keyof typeof COLOURS, text: string): string =>
    colours ? `${COLOURS[colour]}${text}${COLOUR_OFF}\n` : `${text}\n`;
  return [
    '\n',
    paint('green', `${counts.ok} check(s) succeeded.`),
    counts.warnings > 0 ? paint('yellow', `${counts.warnings} check(s) raised warnings.${more}`) : '',
    counts.errors > 0 ? paint('red', `${counts.errors} check(s) raised errors.${more}`) : '',
    counts.skipped > 0
      ? paint('yellow', `${counts.skipped} check(s) were skipped due to errors from other checks.${more}`)
      : '',
  ].join('');
}

/** The document of `-o json`, without secrets. */
export function checkJson(sections: readonly CheckedSection[], additionalInfo: JsonObject): string {
  const checks: JsonObject = {};
  for (const { check, outcome, additionalInfo: facts } of sections.flatMap((section) => section.checks)) {
    const result: JsonObject = { result: outcome.result === 'skippedBecause' ? 'skipped' : outcome.result };
    if ('error' in outcome) result.details = causeChain(outcome.error);
    checks[check.id] = { result, additional_info: facts };
  }
  return redactSecrets(JSON.stringify({ additional_info: additionalInfo, checks }));
}

/** 1 when something is wrong enough, else 0. */
export function checkExitCode(counts: Counts, warningsAsErrors: boolean): number {
  return counts.errors > 0 || (warningsAsErrors && counts.warnings > 0) ? 1 : 0;
}

/** The table of `check-list`: an empty line after the header and after each section. */
export function checkListText(sections: readonly CheckSection[]): string {
  const rows = sections.flatMap((section) =>
    section.checks.map((check) => [section.name, check.id, check.description]),
  );
  const [header = '', ...lines] = alignedTable([['CATEGORY', 'ID', 'DESCRIPTION'], ...rows], 0, CHECK_LIST_GAP).split(
    '\n',
  );
  const text: string[] = [header, ''];
  for (const section of sections) text.push(...lines.splice(0, section.checks.length), '');
  return `${text.join('\n')}\n`;
}
