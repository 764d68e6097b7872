// Act 9: every command that README.md and docs/operations.md show works as it stands there, on this stack's ports and manifests.

import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { run } from '../commands.ts';
import {
  CLOUD_CONTAINER,
  CLOUD_HTTPS_PORT,
  HTTP_PORT,
  QUICKSTART_MANIFEST,
  ROOT,
  SENSOR_MANIFEST,
} from '../settings.ts';

const COMMAND_TIMEOUT_MS = 300_000;
/** Commands that a running test cannot or must not run: they get the checkout, or are this very test. */
const NOT_HERE = [/^git clone /, /^cd /, /^npm test\b/, /^npm run /, /^scripts\/test\.sh/, /^(sudo )?apt/];
/** Runs on and on by itself. */
const ENDLESS = /^scripts\/wayside monitor (?!.*--once)|--follow|\s-f\b/;

/** Commands of the fenced sh blocks, prompts and comments taken off, continued lines joined. */
export function commandsOf(markdown: string): string[] {
  const blocks = [...markdown.matchAll(/^```(?:sh|bash|console|shell)\n([\s\S]*?)^```/gm)];
  return blocks.flatMap(([fence, body]) => {
    const lines = body!.replace(/\\\n\s*/g, '').split('\n');
    // In a console block only the lines with a prompt are commands; the rest is what they print.
    const typed =
      /^```console/.test(fence) || lines.some((line) => line.startsWith('$ '))
        ? lines.filter((line) => line.startsWith('$ '))
        : lines;
    return typed
      .map((line) =>
        line
          .replace(/^\$ /, '')
          .replace(/\s+#.*$/, '')
          .trim(),
      )
      .filter((line) => line !== '' && !line.startsWith('#'));
  });
}

/** The same command on this stack. */
function onThisStack(command: string): string {
  return command
    .replace(/^sudo /, '')
    .replaceAll(/http:\/\/(127\.0\.0\.1|localhost)(?::80)?\//g, `http://$1:${HTTP_PORT}/`)
    .replaceAll(/https:\/\/(localhost|127\.0\.0\.1)(?=[/\s"']|$)/g, `https://$1:${CLOUD_HTTPS_PORT}`)
    .replaceAll(/\bdocker exec wayside-cloud\b/g, `docker exec ${CLOUD_CONTAINER}`)
    .replaceAll('deployment/with-sensor.json', SENSOR_MANIFEST)
    .replaceAll('deployment/quickstart.json', QUICKSTART_MANIFEST)
    .replaceAll(/\bwget (?!.*-O)/g, 'wget -O /dev/null ');
}

export function readme(): void {
  runCommandsOf('README.md', 'npm start');
}

export function operationsGuide(): void {
  runCommandsOf('docs/operations.md', 'scripts/wayside history edge1');
}

/** `file`: below the checkout. `known`: a command that it must show. */
function runCommandsOf(file: string, known: string): void {
  // Without the file the first test fails and says so; the other acts still run.
  const commands = existsSync(`${ROOT}/${file}`) ? commandsOf(readFileSync(`${ROOT}/${file}`, 'utf8')) : [];

  test(`${file} shows commands`, () => {
    expect(commands.length).toBeGreaterThan(3);
    expect(commands).toContain(known);
  });

  const runnable = commands.filter((command) => !NOT_HERE.some((pattern) => pattern.test(command)));
  if (runnable.length === 0) return;
  test.each(runnable)(
    '%s',
    async (command) => {
      const endless = ENDLESS.test(command);
      const ran = await run(
        'bash',
        ['-c', endless ? `timeout --preserve-status -s INT 5 ${onThisStack(command)}` : onThisStack(command)],
        COMMAND_TIMEOUT_MS,
      );
      expect({ command, exitCode: ran.exitCode, stderr: ran.exitCode === 0 ? '' : ran.stderr }).toEqual({
        command,
        exitCode: 0,
        stderr: '',
      });
      if (endless) expect(ran.stdout).not.toBe('');
    },
    COMMAND_TIMEOUT_MS,
  );
}
