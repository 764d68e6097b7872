// A regular expression that somebody else wrote: compiled once, run with a time limit, because a bad one backtracks for ever.

import { createContext, Script } from 'node:vm';
import { EdgeError } from '@wayside/kit';

const PATTERN_CHARS_MAX = 500;
/** For all texts of one call; the event loop stands still meanwhile. */
const PATTERN_TIME_MS_MAX = 500;

export class SafePattern {
  readonly #source: string;
  readonly #script: Script;

  /** Throws SyntaxError when it does not compile, RangeError when it is too long or empty. */
  constructor(source: string, flags: '' | 'i') {
    if (source.length === 0 || source.length > PATTERN_CHARS_MAX)
      throw new RangeError(`a pattern of ${source.length} characters, wanted 1 to ${PATTERN_CHARS_MAX}`);
    new RegExp(source, flags);
    this.#source = source;
    this.#script = new Script(
      `{ const re = new RegExp(${JSON.stringify(source)}, ${JSON.stringify(flags)}); texts.map((text) => re.test(text)); }`,
    );
  }

  /** Which of the texts match. Throws AGENT_METHOD_INVALID when the time is up. */
  matches(texts: readonly string[]): boolean[] {
    try {
      return [...this.#script.runInContext(createContext({ texts }), { timeout: PATTERN_TIME_MS_MAX })];
    } catch (error) {
      if ((error as { code?: string }).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
      throw new EdgeError(
        'AGENT_METHOD_INVALID',
        `Cannot use the request: the pattern ${JSON.stringify(this.#source)} takes longer than ${PATTERN_TIME_MS_MAX} ms, wanted a simpler one`,
        { source: 'downstream' },
      );
    }
  }
}
