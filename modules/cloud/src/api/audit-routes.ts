// The audit log, paged from the newest back.

import { parseTimeArgument } from '@wayside/kit';
import type { Outcome } from '../audit/audit-log.ts';
import { isoTime } from './own-routes.ts';
import type { ApiParts } from './parts.ts';
import { json, type Route, type Schema } from './route.ts';
import { ref } from './schemas.ts';

const PAGE_DEFAULT = 100;
const PAGE_MAX = 1_000;

const text = (description: string): Schema => ({ type: 'string', minLength: 1, maxLength: 300, description });
const moment = text('RFC 3339, UNIX seconds, or a duration ago such as 90m.');

interface AuditQuery {
  before?: number;
  limit: number;
  actor?: string;
  action?: string;
  object?: string;
  outcome?: Outcome;
  from?: string;
  to?: string;
}

export function auditRoutes({ audit, clock }: ApiParts): Route[] {
  return [
    {
      ...{ method: 'get', path: '/audit', right: 'admin', reach: 'fleet' },
      summary: 'Who changed what, from where, and how: the newest first',
      query: {
        before: {
          type: 'integer',
          minimum: 1,
          maximum: Number.MAX_SAFE_INTEGER,
          description: '`next` of the page before.',
        },
        limit: { type: 'integer', minimum: 1, maximum: PAGE_MAX, default: PAGE_DEFAULT },
        actor: text('User name, policy:NAME or identity:DEVICE.'),
        action: text('operationId of this document, hub.CALL, login, logout, ...'),
        object: text('Path-like, with what lies below it: nodes/edge1.'),
        outcome: { enum: ['done', 'refused', 'failed'] },
        from: moment,
        to: moment,
      },
      success: { status: 200, description: 'A page.', schema: ref('AuditPage') },
      handle: async (call) => {
        const { from, to, limit, ...filter } = call.query as unknown as AuditQuery;
        const at = (time: string | undefined) =>
          time === undefined ? undefined : parseTimeArgument(time, clock.nowMs()).getTime();
        const rows = await audit.list({ ...filter, limit: limit + 1, fromMs: at(from), toMs: at(to) });
        const page = rows.slice(0, limit);
        const next = rows.length > limit ? (page.at(-1)?.seq ?? null) : null;
        return json({ entries: page.map(({ atMs, ...entry }) => ({ ...entry, atUtc: isoTime(atMs) })), next });
      },
    },
  ];
}
