// Settings of the module's process from its environment; those of BGP come with the module twin (settings/desired.ts).

import { readFileSync } from 'node:fs';
import { type LogLevel, loadConfig } from '@wayside/kit';
import type { CollectorTiming } from './collect/collector.ts';

export interface BgpConfig {
  storageDir: string;
  runDir: string;
  port: number;
  birdProgram: string;
  timing: CollectorTiming;
  logLevel: LogLevel;
}

interface ConfigFile extends Omit<BgpConfig, 'timing'> {
  pollSecs: number;
  settleSecs: number;
  settleMaxSecs: number;
  rereadSecs: number;
}

const schema = JSON.parse(readFileSync(new URL('./config.schema.json', import.meta.url), 'utf8'));

/** Throws ConfigError with every problem. */
export function readConfig(env: { readonly [name: string]: string | undefined }): BgpConfig {
  const { pollSecs, settleSecs, settleMaxSecs, rereadSecs, ...rest } = loadConfig<ConfigFile>({
    schema,
    sources: { env },
  });
  return {
    ...rest,
    timing: {
      pollMs: pollSecs * 1000,
      settleMs: settleSecs * 1000,
      settleMaxMs: settleMaxSecs * 1000,
      rereadMs: rereadSecs * 1000,
    },
  };
}
