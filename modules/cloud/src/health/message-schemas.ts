// What a node may say about itself: AgentHealth and CacheReport (docs/contracts.md 7), checked before anything is believed.

import type { AgentHealth, CacheReport } from '@wayside/protocol';
import { Ajv, type JSONSchemaType, type ValidateFunction } from 'ajv';
import { BODY_DEPTH_MAX, isWithinDepth } from '../hub-api/body-depth.ts';

const MODULES_MAX = 100;
const DRIVES_MAX = 20;
const ORIGINS_MAX = 1_000;
const CONTENT_CLASSES_MAX = 50;
const TEXT_CHARACTERS_MAX = 4_096;

const text = { type: 'string', maxLength: TEXT_CHARACTERS_MAX } as const;
const name = { type: 'string', minLength: 1, maxLength: 256 } as const;
const time = { type: 'string', maxLength: 40 } as const;
const timeOrNull = { type: ['string', 'null'], maxLength: 40 } as const;
const count = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER } as const;
const amount = { type: 'number', minimum: 0, maximum: Number.MAX_SAFE_INTEGER } as const;
const amountOrNull = { type: ['number', 'null'], minimum: 0 } as const;

const MODULE_HEALTH = {
  type: 'object',
  required: ['name', 'runtimeStatus', 'restartCount'],
  properties: {
    name,
    runtimeStatus: { enum: ['unknown', 'backoff', 'running', 'unhealthy', 'stopped', 'failed', 'dead'] },
    statusDescription: text,
    image: text,
    imageHash: text,
    restartCount: count,
    exitCode: { type: 'integer' },
    lastStartTimeUtc: timeOrNull,
    lastExitTimeUtc: timeOrNull,
    lastRestartTimeUtc: timeOrNull,
    nextRetryTimeUtc: timeOrNull,
  },
};

const AGENT_HEALTH = {
  type: 'object',
  required: ['atUtc', 'lastDesiredVersion', 'lastDesiredStatus', 'modules'],
  properties: {
    atUtc: time,
    agentVersion: text,
    lastDesiredVersion: count,
    lastDesiredStatus: {
      type: 'object',
      required: ['code'],
      properties: { code: { type: 'integer' }, description: text },
    },
    modules: { type: 'array', maxItems: MODULES_MAX, items: MODULE_HEALTH },
    // Left out by agents that do not know of it.
    daemon: {
      type: ['object', 'null'],
      required: ['version', 'startTimeUtc'],
      properties: { version: text, startTimeUtc: time },
    },
    host: { type: 'object' },
  },
};

const CACHE_REPORT = {
  type: 'object',
  required: ['fromUtc', 'toUtc', 'requests', 'hits', 'misses', 'hitBytes', 'missBytes', 'egressBytes', 'ingressBytes'],
  properties: {
    fromUtc: time,
    toUtc: time,
    requests: count,
    hits: count,
    misses: count,
    errors5xx: count,
    hitBytes: count,
    missBytes: count,
    egressBytes: count,
    ingressBytes: count,
    totals: {
      type: 'object',
      required: ['hitBytes', 'missBytes', 'egressBytes', 'hitRatioBytes'],
      properties: { hitBytes: count, missBytes: count, egressBytes: count, hitRatioBytes: amountOrNull },
    },
    byOrigin: { type: 'array', maxItems: ORIGINS_MAX },
    // Left out by caches that do not know of it.
    byContentClass: {
      type: 'array',
      maxItems: CONTENT_CLASSES_MAX,
      items: {
        type: 'object',
        required: ['contentClass', 'hits', 'misses', 'hitBytes', 'missBytes'],
        properties: { contentClass: name, hits: count, misses: count, hitBytes: count, missBytes: count },
      },
    },
    drives: {
      type: 'array',
      maxItems: DRIVES_MAX,
      items: {
        type: 'object',
        required: ['path', 'sizeBytes', 'usedBytes', 'state'],
        properties: {
          path: name,
          sizeBytes: amount,
          usedBytes: amount,
          state: { enum: ['ok', 'failed'] },
          issue: { type: ['string', 'null'], maxLength: 100 },
        },
      },
    },
  },
};

// Without a look at the draft of JSON Schema: compiling it would take longer than these two.
const ajv = new Ajv({ allErrors: false, allowUnionTypes: true, validateSchema: false, meta: false });
const checkHealth = compile<AgentHealth>(AGENT_HEALTH);
const checkReport = compile<CacheReport>(CACHE_REPORT);

export type Parsed<T> = { ok: true; value: T; atMs: number } | { ok: false; why: string };

/** Body of a message of $edgeAgent with messageType=health. Optional fields are filled in. */
export function parseAgentHealth(body: Uint8Array): Parsed<AgentHealth> {
  const parsed = parse(body, checkHealth, (value) => value.atUtc);
  if (!parsed.ok) return parsed;
  const modules = parsed.value.modules.map((module) => ({
    ...module,
    statusDescription: module.statusDescription ?? '',
    image: module.image ?? '',
    imageHash: module.imageHash ?? '',
    exitCode: module.exitCode ?? 0,
    lastStartTimeUtc: module.lastStartTimeUtc ?? null,
    lastExitTimeUtc: module.lastExitTimeUtc ?? null,
    lastRestartTimeUtc: module.lastRestartTimeUtc ?? null,
    nextRetryTimeUtc: module.nextRetryTimeUtc ?? null,
  }));
  const daemon = parsed.value.daemon ?? null;
  if (daemon !== null && Number.isNaN(Date.parse(daemon.startTimeUtc))) {
    return { ok: false, why: `daemon.startTimeUtc "${daemon.startTimeUtc}" is no time` };
  }
  return { ...parsed, value: { ...parsed.value, modules, daemon } };
}

/** Body of a message with messageType=cacheReport. */
export function parseCacheReport(body: Uint8Array): Parsed<CacheReport> {
  const parsed = parse(body, checkReport, (value) => value.toUtc);
  if (!parsed.ok) return parsed;
  const fromMs = Date.parse(parsed.value.fromUtc);
  if (Number.isNaN(fromMs) || fromMs > parsed.atMs) return { ok: false, why: 'fromUtc is no time before toUtc' };
  return parsed;
}

function parse<T>(body: Uint8Array, check: ValidateFunction<T>, timeOf: (value: T) => string): Parsed<T> {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(body).toString('utf8'));
  } catch {
    return { ok: false, why: 'body is no JSON' };
  }
  if (!isWithinDepth(value, BODY_DEPTH_MAX)) return { ok: false, why: `body is nested deeper than ${BODY_DEPTH_MAX}` };
  if (!check(value)) return { ok: false, why: ajv.errorsText(check.errors, { dataVar: 'body' }) };
  const atMs = Date.parse(timeOf(value));
  return Number.isNaN(atMs) ? { ok: false, why: `"${timeOf(value)}" is no time` } : { ok: true, value, atMs };
}

function compile<T>(schema: object): ValidateFunction<T> {
  return ajv.compile<T>(schema as JSONSchemaType<T>);
}
