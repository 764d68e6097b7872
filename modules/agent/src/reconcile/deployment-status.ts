// Decides code and description of lastDesiredStatus from what is left to do and what failed. Pure.

import type { Attempt, Desired, ImageState, Plan, Step, Wait } from '../plan/model.ts';
import type { LastDesired } from '../report/snapshot.ts';

/** A twin string may hold 4096 bytes; a description longer than this helps nobody. */
const DESCRIPTION_CHARS_MAX = 1000;

/** Looking after a module that runs is no part of bringing a deployment about. */
const UPKEEP: ReadonlySet<Step['kind']> = new Set(['restart', 'resetRestarts']);
const PENDING: ReadonlySet<Wait['reason']> = new Set(['image', 'startup-order', 'retry', 'identity']);

export function deploymentStatus(
  desired: Desired,
  plan: Plan,
  facts: { attempts: ReadonlyMap<string, Attempt>; images: ReadonlyMap<string, ImageState> },
  before: LastDesired,
): LastDesired {
  const version = desired.deploymentVersion;
  const problems = [...problemsOfSteps(facts.attempts), ...problemsOfImages(facts.images)];
  if (problems.length > 0) return { version, code: 500, description: shorten(problems.join('; ')) };
  const isBusy =
    plan.stages.flat().some((step) => !UPKEEP.has(step.kind) && !(step.kind === 'start' && step.countsAsRestart)) ||
    plan.waits.some((wait) => PENDING.has(wait.reason));
  // Under way: the last settled outcome stands until this one is known.
  return isBusy ? before : { version, code: 200, description: '' };
}

function problemsOfSteps(attempts: ReadonlyMap<string, Attempt>): string[] {
  return [...attempts].map(([key, attempt]) => {
    const next = new Date(attempt.nextAtMs).toISOString();
    return `${key.replace(':', ' ')}: ${attempt.lastError} (try ${attempt.count}, next ${next})`;
  });
}

function problemsOfImages(images: ReadonlyMap<string, ImageState>): string[] {
  return [...images].flatMap(([key, image]) =>
    image.state === 'failed'
      ? [`image of ${key.split('#')[0]}: ${image.error} (next try ${new Date(image.retryAtMs).toISOString()})`]
      : [],
  );
}

function shorten(text: string): string {
  return text.length <= DESCRIPTION_CHARS_MAX ? text : `${text.slice(0, DESCRIPTION_CHARS_MAX - 3)}...`;
}
