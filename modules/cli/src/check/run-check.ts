// `check` and `check-list`: runs the catalogue and writes the report.

import { readFile } from 'node:fs/promises';
import { arch, freemem, totalmem } from 'node:os';
import type { JsonObject } from '@wayside/protocol';
import type { Io } from '../io.ts';
import { CHECKS } from './catalogue.ts';
import { CheckContext, type CheckSettings } from './context.ts';
import {
  checkExitCode,
  checkJson,
  checkListText,
  countOutcomes,
  outcomeText,
  runChecks,
  sectionTitle,
  tailText,
} from './report.ts';

export interface CheckOptions {
  output: 'text' | 'json';
  verbose: boolean;
  colours: boolean;
  warningsAsErrors: boolean;
  dontRun: ReadonlySet<string>;
}

/** Ids that --dont-run may name. */
export const CHECK_IDS: ReadonlySet<string> = new Set(CHECKS.flatMap((section) => section.checks.map(({ id }) => id)));

export function checkList(io: Io): void {
  io.stdout.write(checkListText(CHECKS));
}

/** Returns the exit code. Text is written as the checks are done, for some of them take seconds. */
export async function runCheck(io: Io, settings: CheckSettings, options: CheckOptions): Promise<number> {
  const context = new CheckContext(settings);
  const asText = options.output === 'text';
  const sections = await runChecks(CHECKS, context, options.dontRun, (section, isFirst, check, outcome) => {
    if (!asText) return;
    if (isFirst) io.stdout.write(sectionTitle(section.name));
    io.stdout.write(outcomeText(check, outcome, options));
  });
  const counts = countOutcomes(sections);
  io.stdout.write(asText ? tailText(counts, options) : `${checkJson(sections, await additionalInfo(context))}\n`);
  return checkExitCode(counts, options.warningsAsErrors);
}

async function additionalInfo(context: CheckContext): Promise<JsonObject> {
  const [engine, info, resources, os] = await Promise.all([
    context.engine().then((e) => e?.version()),
    context.systemInfo().catch(() => undefined),
    context.management.systemResources().catch(() => undefined),
    osRelease(),
  ]);
  return {
    docker_version: engine?.Version ?? null,
    aziot_edged_version: info?.version ?? null,
    now: new Date(context.settings.clock.nowMs()).toISOString(),
    os: { id: os.ID ?? null, version_id: os.VERSION_ID ?? null, arch: arch(), bitness: 64 },
    system_info: {
      used_ram: resources?.used_ram ?? totalmem() - freemem(),
      total_ram: resources?.total_ram ?? totalmem(),
      disks: (resources?.disks ?? []).map((disk) => ({
        ...disk,
        percent_free:
          disk.total_space === 0 ? '0.0%' : `${((disk.available_space / disk.total_space) * 100).toFixed(1)}%`,
      })),
    },
  };
}

async function osRelease(): Promise<{ [key: string]: string | undefined }> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  return Object.fromEntries([...text.matchAll(/^([A-Z_]+)="?([^"\n]*)"?$/gm)].map(([, key, value]) => [key!, value!]));
}
