// A logger for tests that keeps its lines instead of printing them.

import type { Logger } from '@wayside/kit';

export interface QuietLogger extends Logger {
  lines: string[];
}

export function quietLogger(): QuietLogger {
  const lines: string[] = [];
  const keep = (message: string, fields?: object) => void lines.push(`${message} ${JSON.stringify(fields ?? {})}`);
  const logger: QuietLogger = { lines, error: keep, warn: keep, info: keep, debug: keep, child: () => logger };
  return logger;
}
