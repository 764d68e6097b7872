// What the commands are given: the process's ends, the settings, and which node is meant.

import type { NodePlaces, Settings } from './config.ts';
import type { Io } from './io.ts';

/** What a command needs besides its own arguments. */
export interface Shell {
  io: Io;
  settings: Settings;
  /** Taken from the global options when a command runs. */
  places(): NodePlaces;
  colours: boolean;
  setExitCode(code: number): void;
}
