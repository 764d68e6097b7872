// What an operator does with a running node, in plain words: restart a module, purge and prefetch content, certificates, BGP sessions.
// Each is a direct method of a module (docs/contracts.md 8 and 9, iotedge.md 2.6); the path names the thing, not the method.

import { BGP_MODULE_ID, type Json, type JsonObject } from '@wayside/protocol';
import { actorOf, nameOf } from './node-routes.ts';
import type { ApiParts } from './parts.ts';
import { methodRefused, recordedMethod } from './recorded-method.ts';
import { type Call, json, type Route, type Schema } from './route.ts';
import { ref } from './schemas.ts';

const CACHE_MODULE = 'MCC';
const AGENT_MODULE = '$edgeAgent';
const BODY_BYTES_MAX = 128 * 1024;
const ANSWER_TIMEOUT_SECS = 60;
const PAGE_MAX = 200;
const STATUS_FAILED_MIN = 300;

interface Work {
  method: 'get' | 'post' | 'put' | 'delete';
  /** Below /nodes/{name}. */
  path: string;
  summary: string;
  moduleId: string;
  methodName: string;
  /** undefined = it takes none. */
  body?: Schema;
  query?: { [name: string]: Schema };
  /** Default: body, query and path parameters together. */
  payloadOf?(call: Call): JsonObject;
  /** "restart MCC" in a refusal. */
  what(call: Call): string;
  /** It reads: no event in the timeline. */
  isRead?: boolean;
}

const texts = (maxItems: number): Schema => ({ type: 'array', maxItems, items: { type: 'string', maxLength: 4096 } });
const PURGE: Schema = {
  type: 'object',
  properties: {
    urls: texts(1000),
    prefixes: texts(1000),
    hosts: texts(1000),
    tags: texts(1000),
    all: { type: 'boolean' },
  },
  minProperties: 1,
  additionalProperties: false,
};
const PREFETCH: Schema = {
  type: 'object',
  properties: {
    urls: { type: 'array', description: 'URLs, or {url, sizeBytes}.' },
    manifest: { type: 'string' },
    manifestUrl: { type: 'string' },
    window: { type: 'string', description: '01:00-05:00' },
    days: { type: 'string', description: 'mon,tue' },
    timeZone: { type: 'string' },
    maxMbps: { type: 'number' },
    parallel: { type: 'integer', minimum: 1, maximum: 16 },
    name: { type: 'string' },
  },
  additionalProperties: false,
};
const MODULE: Schema = {
  type: 'object',
  properties: { module: { type: 'string', minLength: 1, maxLength: 128, default: CACHE_MODULE } },
  additionalProperties: false,
};
const page = {
  limit: { type: 'integer', minimum: 1, maximum: PAGE_MAX },
  offset: { type: 'integer', minimum: 0 },
};
/** The names of the containers and of the identities mean the same module to edgeAgent. */
const restartOf = (module: unknown): JsonObject => ({ schemaVersion: '1.0', id: String(module).replace(/^\$/, '') });

const WORKS: readonly Work[] = [
  {
    ...{ method: 'post', path: '/restart', body: MODULE, moduleId: AGENT_MODULE, methodName: 'RestartModule' },
    summary: 'Restart a module of the node, the cache unless another is named',
    payloadOf: (call) => restartOf((call.body as { module: string }).module),
    what: (call) => `restart ${(call.body as { module: string }).module}`,
  },
  {
    ...{ method: 'post', path: '/modules/{module}/restart', moduleId: AGENT_MODULE, methodName: 'RestartModule' },
    summary: 'Restart this module of the node',
    payloadOf: (call) => restartOf(call.params.module),
    what: (call) => `restart ${call.params.module}`,
  },
  {
    ...{ method: 'post', path: '/purge', body: PURGE, moduleId: CACHE_MODULE, methodName: 'purge' },
    summary: 'Remove content from the cache by URL, prefix, host or tag, or all of it; the payload is the receipt',
    what: () => 'purge',
  },
  {
    ...{ method: 'get', path: '/purges', query: { limit: page.limit }, moduleId: CACHE_MODULE, methodName: 'purges' },
    ...{ summary: 'Receipts of purges, newest first', isRead: true, what: () => 'list the purges' },
  },
  {
    ...{ method: 'get', path: '/purges/{id}', moduleId: CACHE_MODULE, methodName: 'purges', isRead: true },
    ...{ summary: 'The receipt of a purge', what: (call) => `read purge ${call.params.id}` },
  },
  {
    ...{ method: 'post', path: '/prefetch', body: PREFETCH, moduleId: CACHE_MODULE, methodName: 'prefetch' },
    ...{
      summary: 'Fetch content before clients ask for it, now or in a window; the payload is the job',
      what: () => 'prefetch',
    },
  },
  {
    ...{ method: 'get', path: '/prefetch', query: page, moduleId: CACHE_MODULE, methodName: 'prefetchJobs' },
    ...{ summary: 'Prefetch jobs of the cache', isRead: true, what: () => 'list the prefetch jobs' },
  },
  {
    ...{ method: 'get', path: '/prefetch/{id}', query: page, moduleId: CACHE_MODULE, methodName: 'prefetchJobs' },
    ...{
      summary: 'A prefetch job with the result of each URL',
      isRead: true,
      what: (call) => `read job ${call.params.id}`,
    },
  },
  {
    ...{ method: 'delete', path: '/prefetch/{id}', moduleId: CACHE_MODULE, methodName: 'cancelPrefetch' },
    ...{ summary: 'Cancel a prefetch job', what: (call) => `cancel job ${call.params.id}` },
  },
  {
    ...{ method: 'get', path: '/certificate', moduleId: CACHE_MODULE, methodName: 'certificate', isRead: true },
    ...{
      summary: 'Certificate of the cache in use, the open request, former ones',
      what: () => 'read the certificate',
    },
  },
  {
    ...{ method: 'post', path: '/certificate/request', moduleId: CACHE_MODULE, methodName: 'requestCertificate' },
    body: { type: 'object' },
    ...{
      summary: 'A new key on the node and its certificate request; the key stays there',
      what: () => 'request a certificate',
    },
  },
  {
    ...{ method: 'put', path: '/certificate', moduleId: CACHE_MODULE, methodName: 'importCertificate' },
    body: {
      type: 'object',
      properties: { certificate: { type: 'string', description: 'The signed chain, PEM.' } },
      required: ['certificate'],
      additionalProperties: false,
    },
    ...{ summary: 'Take the signed certificate into use', what: () => 'import the certificate' },
  },
  {
    ...{ method: 'delete', path: '/certificate', moduleId: CACHE_MODULE, methodName: 'disableTls' },
    ...{ summary: 'HTTPS of the cache off', what: () => 'switch HTTPS off' },
  },
  {
    ...{
      method: 'post',
      path: '/bgp/sessions/{session}/restart',
      moduleId: BGP_MODULE_ID,
      methodName: 'restartSession',
    },
    ...{
      summary: 'Take a BGP session down and up again',
      what: (call) => `restart the BGP session ${call.params.session}`,
    },
  },
];

export function workRoutes(parts: ApiParts): Route[] {
  return WORKS.map((work) => ({
    method: work.method,
    path: `/nodes/{name}${work.path}`,
    right: 'operate',
    summary: work.summary,
    ...(work.query ? { query: work.query } : {}),
    ...(work.body ? { body: { schema: work.body, checkedBy: 'schema' as const, bytesMax: BODY_BYTES_MAX } } : {}),
    success: {
      status: 200,
      description: 'Status and payload as the module answered them.',
      schema: ref('MethodAnswer'),
    },
    refusals: [404, 429, 502, 503, 504],
    handle: (call) => run(parts, work, call),
  }));
}

async function run(parts: ApiParts, work: Work, call: Call) {
  const { name: nodeName } = await parts.nodes.get(nameOf(call));
  const { name: _name, ...pathParams } = call.params;
  const payload = work.payloadOf?.(call) ?? { ...(call.body as object), ...(call.query as JsonObject), ...pathParams };
  const request = { methodName: work.methodName, payload: payload as Json, responseTimeoutSecs: ANSWER_TIMEOUT_SECS };
  const answer = work.isRead
    ? await parts.platform.invokeMethod(nodeName, work.moduleId, request)
    : await recordedMethod(parts, { nodeName, moduleId: work.moduleId, by: actorOf(call) }, request);
  if (answer.status >= STATUS_FAILED_MIN) throw methodRefused(`${work.what(call)} on ${nodeName}`, answer);
  return json(answer);
}
