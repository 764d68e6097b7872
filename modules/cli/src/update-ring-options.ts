// The options that say when nodes take new versions of their modules.

import type { Command } from 'commander';
import { oneOf, wholeNumber } from './option-values.ts';

const WEEK_MAX = 4;

/** `rings`: those that there are for it. */
export function withUpdateRing(command: Command, rings: readonly string[]): Command {
  return command
    .option(
      '--update-ring <ring>',
      `when new versions of the modules are taken: ${rings.join(', ')}`,
      oneOf('update-ring', rings),
    )
    .option('--update-week <1-4>', 'ring slow: week of the month', wholeNumber(1, WEEK_MAX))
    .option('--update-day <weekday>', 'ring slow: such as sunday or sun')
    .option('--update-window <hh:mm-hh:mm>', 'ring slow: local times')
    .option('--update-time-zone <name>', 'ring slow: such as Europe/Zurich (default: UTC)');
}
