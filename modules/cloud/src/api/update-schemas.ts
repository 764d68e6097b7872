// JSON Schemas of update rings, versions and updates of nodes.

import { TIME_PATTERN, VERSION_PATTERN, WEEK_MAX, WEEKDAY_MAX } from '../updates/update-ring.ts';
import type { Schema } from './route.ts';

const time: Schema = { type: 'string', format: 'date-time' };
const timeOrNull: Schema = { type: ['string', 'null'], format: 'date-time' };
const text: Schema = { type: 'string' };
const textOrNull: Schema = { type: ['string', 'null'] };

function object(properties: { [name: string]: Schema }): Schema {
  return { type: 'object', properties, required: Object.keys(properties), additionalProperties: false };
}

const clockTime: Schema = { type: 'string', pattern: TIME_PATTERN };
const FAST = object({ ring: { const: 'fast' } });
const SLOW = object({
  ring: { const: 'slow' },
  week: { type: 'integer', minimum: 1, maximum: WEEK_MAX, description: 'The how-manieth such weekday of the month.' },
  weekday: { type: 'integer', minimum: 1, maximum: WEEKDAY_MAX, description: '1 = Sunday.' },
  from: { ...clockTime, description: 'Local time.' },
  to: { ...clockTime, description: 'Local time; not later than `from`: on the next day.' },
  timeZone: { ...text, maxLength: 64, description: 'IANA name, such as Europe/Zurich.' },
});

export const UPDATE_RING: Schema = { anyOf: [FAST, SLOW] };
export const UPDATE_RING_OR_NULL: Schema = { anyOf: [FAST, SLOW, { type: 'null' }] };
export const MODULE_VERSION: Schema = { type: 'string', pattern: VERSION_PATTERN };

export const NODE_UPDATE: Schema = object({
  ring: { ...UPDATE_RING, description: 'In force.' },
  version: { ...text, description: 'Of the modules in the manifest of the node.' },
  state: {
    enum: ['current', 'waiting', 'underway', 'late', 'failed'],
    description: 'late: not running 6 hours after it was handed out. failed: the version before is back.',
  },
  waitingVersion: textOrNull,
  waitingSinceUtc: timeOrNull,
  nextWindow: {
    anyOf: [object({ fromUtc: time, toUtc: time }), { type: 'null' }],
    description: 'Open now, or the next; null: always open.',
  },
  startedAtUtc: timeOrNull,
  failedVersion: { ...textOrNull, description: 'Is not handed out again before update-now or another version.' },
  failedAtUtc: timeOrNull,
  error: textOrNull,
});

export const UPDATE_LIST: Schema = object({
  updates: {
    type: 'array',
    items: object({
      seq: { type: 'integer' },
      version: text,
      fromVersion: text,
      reason: { enum: ['ring', 'critical', 'asked', 'notRunning'] },
      by: { ...text, description: 'Who asked; empty: the cloud itself.' },
      startedAtUtc: time,
      state: { enum: ['underway', 'late', 'applied', 'failed', 'superseded'] },
      endedAtUtc: timeOrNull,
      error: textOrNull,
    }),
  },
});
