// The prefix explorer of a node: asked of its BGP module itself, which holds paths and sessions of this moment.

import { BGP_MODULE_ID, type Json } from '@wayside/protocol';
import { refusal } from '../errors.ts';
import { nameOf } from './node-routes.ts';
import type { ApiParts } from './parts.ts';
import { json, type Route, type Schema } from './route.ts';
import { ref } from './schemas.ts';

const PAGE_DEFAULT = 100;
const PAGE_MAX = 1_000;
/** Longest text of a prefix, and of a session with a prefix. */
const PREFIX_CHARACTERS_MAX = 49;
const CURSOR_CHARACTERS_MAX = 100;
const SESSION_CHARACTERS_MAX = 32;
const ANSWER_TIMEOUT_SECS = 30;
const MESSAGE_CHARACTERS_MAX = 500;

const prefix: Schema = { type: 'string', minLength: 1, maxLength: PREFIX_CHARACTERS_MAX };

export function bgpRoutes({ platform, nodes }: ApiParts): Route[] {
  return [
    {
      method: 'get',
      path: '/nodes/{name}/bgp/prefixes',
      right: 'read',
      summary: 'Prefixes that the node holds by BGP, with session and path, asked of the node',
      query: {
        contains: { ...prefix, description: 'Address or prefix: only prefixes that contain it, the longest first.' },
        coveredBy: { ...prefix, description: 'Prefix: only prefixes that lie within it.' },
        session: { type: 'string', minLength: 1, maxLength: SESSION_CHARACTERS_MAX },
        after: { type: 'string', maxLength: CURSOR_CHARACTERS_MAX, description: '`next` of the page before.' },
        limit: { type: 'integer', minimum: 1, maximum: PAGE_MAX, default: PAGE_DEFAULT },
      },
      success: { status: 200, description: 'A page.', schema: ref('BgpPrefixList') },
      refusals: [400, 404, 429, 502, 503, 504],
      handle: async (call) => {
        const node = await nodes.get(nameOf(call));
        const { status, payload } = await platform.invokeMethod(node.name, BGP_MODULE_ID, {
          methodName: 'prefixes',
          payload: call.query as Json,
          responseTimeoutSecs: ANSWER_TIMEOUT_SECS,
        });
        if (status !== 200) throw refused(node.name, status, payload);
        return json(payload as object);
      },
    },
  ];
}

function refused(nodeName: string, status: number, payload: unknown): Error {
  const said = (payload as { error?: { message?: unknown } } | null)?.error?.message;
  const why = typeof said === 'string' ? said.slice(0, MESSAGE_CHARACTERS_MAX) : `it answered ${status}`;
  const code = status === 400 ? 'CLOUD_REQUEST_INVALID' : 'CLOUD_METHOD_FAILED';
  return refusal(code, `Cannot list the BGP prefixes of ${nodeName}: ${why}`);
}
