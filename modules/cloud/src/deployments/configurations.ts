// The configurations of the hub: create, change, read, delete, test (cloud.md 2.6). A change and the round over the devices it calls for are one commit.

import type { Clock } from '@wayside/kit';
import type { Json, JsonObject } from '@wayside/protocol';
import { refusal } from '../errors.ts';
import { newEtag } from '../identity/keys.ts';
import type { Actor } from '../platform.ts';
import type { Db } from '../store/tables.ts';
import { CONTENT_KINDS, type Configuration, type ContentKind } from './configuration.ts';
import { checkConfigurationId, metricFault, readConfiguration } from './configuration-input.ts';
import {
  countTargets,
  insertConfiguration,
  readConfigurationRow,
  readConfigurations,
  updateConfigurationRow,
} from './configuration-rows.ts';
import { requestRound } from './evaluation-queue.ts';
import { NO_TARGETS, type TargetCounts } from './system-metrics.ts';
import { compileCondition } from './target-condition.ts';

/** Layers included (iotedge.md 1.8). */
export const CONFIGURATIONS_MAX = 100;

export interface CountedConfiguration {
  configuration: Configuration;
  counts: TargetCounts;
}

export interface ConfigurationsParts {
  db: Db;
  clock: Clock;
  /** Told after a commit that devices are to be evaluated for. */
  wake(): void;
}

export class Configurations {
  private readonly parts: ConfigurationsParts;

  constructor(parts: ConfigurationsParts) {
    this.parts = parts;
  }

  /** CLOUD_CONFIGURATION_NOT_FOUND. */
  async get(id: string): Promise<CountedConfiguration> {
    const configuration = await requireConfiguration(this.parts.db, id);
    return { configuration, counts: (await countTargets(this.parts.db, id)).get(id) ?? NO_TARGETS };
  }

  /** By id; `top` limits. */
  async list(top?: number): Promise<CountedConfiguration[]> {
    const configurations = await readConfigurations(this.parts.db, top);
    const counts = await countTargets(this.parts.db);
    return configurations.map((configuration) => ({
      configuration,
      counts: counts.get(configuration.id) ?? NO_TARGETS,
    }));
  }

  /** CLOUD_CONFIGURATION_EXISTS, CLOUD_CONFIGURATION_LIMIT, CLOUD_CONFIGURATION_INVALID, CLOUD_ARGUMENT_INVALID. */
  async create(id: string, body: JsonObject, by: Actor = ''): Promise<CountedConfiguration> {
    checkConfigurationId(id);
    const input = readConfiguration(body);
    return this.commit(by, async (trx, nowMs) => {
      if (await readConfigurationRow(trx, id)) {
        throw refusal('CLOUD_CONFIGURATION_EXISTS', `Configuration "${id}" exists already: an id is taken once`);
      }
      const { count } = await trx
        .selectFrom('configuration')
        .select((of) => of.fn.countAll<number>().as('count'))
        .executeTakeFirstOrThrow();
      if (Number(count) >= CONFIGURATIONS_MAX) {
        throw refusal(
          'CLOUD_CONFIGURATION_LIMIT',
          `Cannot create configuration "${id}": there are ${count}, at most ${CONFIGURATIONS_MAX} are allowed`,
        );
      }
      const made: Configuration = {
        ...{ id, etag: newEtag(), ...input, metricResults: {} },
        ...{ createdAtMs: nowMs, createdBy: by, updatedAtMs: nowMs, updatedBy: by },
      };
      await insertConfiguration(trx, made);
      return made;
    });
  }

  /** What the body leaves out stays. `ifMatch` is an etag or '*'. CLOUD_CONFIGURATION_NOT_FOUND, CLOUD_ETAG_MISMATCH, CLOUD_CONFIGURATION_INVALID. */
  async update(id: string, body: JsonObject, ifMatch: string, by: Actor = ''): Promise<CountedConfiguration> {
    return this.commit(by, async (trx, nowMs) => {
      const before = await requireConfiguration(trx, id);
      requireEtag(before, ifMatch);
      const input = readConfiguration(body, before);
      const after: Configuration = { ...before, ...input, etag: newEtag(), updatedAtMs: nowMs, updatedBy: by };
      after.metricResults = Object.fromEntries(
        Object.entries(before.metricResults).filter(
          ([name]) => input.metricQueries[name] === before.metricQueries[name],
        ),
      );
      await updateConfigurationRow(trx, after);
      return after;
    });
  }

  /** CLOUD_CONFIGURATION_NOT_FOUND, CLOUD_ETAG_MISMATCH. */
  async remove(id: string, ifMatch: string, by: Actor = ''): Promise<void> {
    await this.commit(by, async (trx) => {
      const before = await requireConfiguration(trx, id);
      requireEtag(before, ifMatch);
      await trx.deleteFrom('configuration').where('id', '=', id).execute();
      return before;
    });
  }

  private async commit(
    by: Actor,
    change: (trx: Db, nowMs: number) => Promise<Configuration>,
  ): Promise<CountedConfiguration> {
    const { db, clock, wake } = this.parts;
    const configuration = await db.transaction().execute(async (trx) => {
      const nowMs = clock.nowMs();
      const changed = await change(trx, nowMs);
      await requestRound(trx, by, nowMs);
      return changed;
    });
    wake();
    return { configuration, counts: (await countTargets(db, configuration.id)).get(configuration.id) ?? NO_TARGETS };
  }
}

/** POST /configurations/testQueries: the same compiler as PUT uses. */
export function testQueries(condition: Json, queries: JsonObject): JsonObject {
  const customMetricQueryErrors: JsonObject = {};
  for (const [name, query] of Object.entries(queries)) {
    const fault = metricFault(query);
    if (fault !== undefined) customMetricQueryErrors[name] = fault;
  }
  return { targetConditionError: conditionError(condition), customMetricQueryErrors };
}

function conditionError(condition: Json): string | null {
  if (condition === null || condition === undefined) return null;
  if (typeof condition !== 'string') return `is ${JSON.stringify(condition)}, wanted a text`;
  const kind: ContentKind = /^\s*from\s+devices\.modules\b/i.test(condition) ? 'moduleContent' : CONTENT_KINDS[0];
  try {
    compileCondition(condition, kind);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function requireConfiguration(db: Db, id: string): Promise<Configuration> {
  const configuration = await readConfigurationRow(db, id);
  if (configuration) return configuration;
  throw refusal('CLOUD_CONFIGURATION_NOT_FOUND', `There is no configuration "${id}"`);
}

function requireEtag({ id, etag }: Configuration, ifMatch: string): void {
  if (ifMatch === '*' || ifMatch === etag) return;
  throw refusal(
    'CLOUD_ETAG_MISMATCH',
    `Cannot change configuration "${id}": its etag is "${etag}", If-Match names "${ifMatch}"`,
  );
}
