// Routes of support bundles and uploaded logs: ask the node for one, see how far it is, download it; and the address that the node sends it to.

import type { JsonObject } from '@wayside/protocol';
import { refusal } from '../errors.ts';
import type { UploadRow } from '../uploads/upload-rows.ts';
import { actorOf, nameOf } from './node-routes.ts';
import type { ApiParts } from './parts.ts';
import { methodRefused, recordedMethod } from './recorded-method.ts';
import { type Call, json, type Route, type Schema } from './route.ts';
import { ref } from './schemas.ts';

const AGENT_MODULE = '$edgeAgent';
const BODY_BYTES_MAX = 16 * 1024;
const ANSWER_TIMEOUT_SECS = 60;
const TOKEN_CHARACTERS_MAX = 64;

const moment: Schema = {
  type: 'string',
  minLength: 1,
  maxLength: 100,
  description: 'RFC 3339, UNIX seconds, or 2h, 1d.',
};
/** Of a container of the operator's own; without it the cloud keeps the file. */
const sasUrl: Schema = { type: 'string', minLength: 1, maxLength: 4096, writeOnly: true };

const BUNDLE: Schema = {
  type: 'object',
  properties: { since: moment, until: moment, edgeRuntimeOnly: { type: 'boolean', default: false }, sasUrl },
  additionalProperties: false,
};
const LOGS: Schema = {
  type: 'object',
  properties: { since: moment, until: moment, tail: { type: 'integer', minimum: 1 }, sasUrl },
  additionalProperties: false,
};

export function uploadRoutes(parts: ApiParts): Route[] {
  return [...askRoutes(parts), ...fileRoutes(parts), receiveRoute(parts)];
}

function askRoutes(parts: ApiParts): Route[] {
  const success = { status: 202, description: 'The node has begun; follow it by GET.', schema: ref('NodeUpload') };
  const refusals = [404, 429, 502, 503, 504];
  return [
    {
      ...{ method: 'post', path: '/nodes/{name}/support-bundle', right: 'operate', success, refusals },
      summary: 'Ask the node for a support bundle: logs, configuration and check results, without keys',
      body: { schema: BUNDLE, checkedBy: 'schema', bytesMax: BODY_BYTES_MAX },
      audit: { leaveOut: 'body' },
      handle: (call) => ask(parts, call, 'supportBundle', 'UploadSupportBundle', call.body as JsonObject),
    },
    {
      ...{ method: 'post', path: '/nodes/{name}/modules/{module}/logs/upload', right: 'operate', success, refusals },
      summary: 'Ask the node for the log of a module as a file, however long it is (UploadModuleLogs)',
      body: { schema: LOGS, checkedBy: 'schema', bytesMax: BODY_BYTES_MAX },
      audit: { leaveOut: 'body' },
      handle: (call) => {
        const { sasUrl: url, ...filter } = call.body as JsonObject;
        const id = (call.params.module ?? '').replace(/^\$/, '').replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
        const logs = { items: [{ id: `^${id}$`, filter }], encoding: 'gzip', contentType: 'text' };
        return ask(parts, call, 'logs', 'UploadModuleLogs', { ...logs, ...(url === undefined ? {} : { sasUrl: url }) });
      },
    },
  ];
}

async function ask(parts: ApiParts, call: Call, kind: UploadRow['kind'], methodName: string, fields: JsonObject) {
  const { uploads } = parts;
  const { name: nodeName } = await parts.nodes.get(nameOf(call));
  const by = actorOf(call);
  // A file for the operator's own store is told of as long as the task is known on the node: here it is only a row without a file.
  const { id, token } = await uploads.expect(nodeName, kind, by);
  const own = `${parts.cloudUrl}/api/v1/uploads/${id}?sig=${token}`;
  const payload = { schemaVersion: '1.0', ...fields, sasUrl: fields.sasUrl ?? own };
  const request = { methodName, payload, responseTimeoutSecs: ANSWER_TIMEOUT_SECS };
  try {
    const answer = await recordedMethod(parts, { nodeName, moduleId: AGENT_MODULE, by }, request);
    if (answer.status !== 200) throw methodRefused(`have ${nodeName} send it`, answer);
    await uploads.began(id, String((answer.payload as { correlationId?: unknown } | null)?.correlationId ?? ''));
  } catch (error) {
    await uploads.forget(id);
    throw error;
  }
  const row = (await uploads.list(nodeName)).find((one) => one.id === id);
  return json(toAnswer(row as UploadRow, 'Running', ''));
}

function fileRoutes(parts: ApiParts): Route[] {
  const { nodes, uploads } = parts;
  return [
    {
      ...{ method: 'get', path: '/nodes/{name}/uploads', right: 'operate', refusals: [404] },
      summary: 'Files that the node sent or is about to send, newest first; kept for 7 days, the newest 10',
      success: { status: 200, description: 'As the cloud knows them.', schema: ref('NodeUploads') },
      handle: async (call) => {
        const { name } = await nodes.get(nameOf(call));
        return json({ uploads: (await uploads.list(name)).map((row) => toAnswer(row)) });
      },
    },
    {
      ...{ method: 'get', path: '/nodes/{name}/uploads/{id}', right: 'operate', refusals: [404] },
      summary: 'One of them, with what the node says of its task',
      success: { status: 200, description: 'As of now.', schema: ref('NodeUpload') },
      handle: async (call) => {
        const { name } = await nodes.get(nameOf(call));
        const row = (await uploads.list(name)).find((one) => one.id === call.params.id);
        if (!row) throw refusal('CLOUD_UPLOAD_NOT_FOUND', `There is no file "${call.params.id}" of ${name}`);
        if (row.state === 'stored') return json(toAnswer(row));
        const task = await taskOf(parts, name, row.correlation_id);
        return json(toAnswer(row, task.status, task.message));
      },
    },
    {
      ...{ method: 'delete', path: '/nodes/{name}/uploads/{id}', right: 'operate', refusals: [404] },
      summary: 'Delete the file',
      success: { status: 204, description: 'Gone.' },
      handle: async (call) => {
        await uploads.remove((await nodes.get(nameOf(call))).name, call.params.id ?? '');
        return { empty: true };
      },
    },
    {
      ...{ method: 'get', path: '/nodes/{name}/uploads/{id}/file', right: 'operate', refusals: [404] },
      summary: 'Download the file',
      success: { status: 200, description: 'Its bytes.', contentType: 'application/octet-stream' },
      stream: async (call, _request, response) => {
        const { row, content } = await uploads.read((await nodes.get(nameOf(call))).name, call.params.id ?? '');
        response.status(200).type('application/octet-stream').attachment(row.file_name);
        response.set('content-length', String(row.size_bytes));
        content.once('error', () => response.destroy());
        response.once('close', () => content.destroy());
        content.pipe(response);
      },
    },
  ];
}

/** Put Blob of edgeAgent: the container is the upload, the blob's name is hub/device/file. */
function receiveRoute({ uploads }: ApiParts): Route {
  return {
    method: 'put',
    path: '/uploads/{id}/{hub}/{device}/{file}',
    right: 'none',
    summary: 'For edgeAgent only: the file that the cloud asked for, with the secret it was given',
    query: { sig: { type: 'string', minLength: 1, maxLength: TOKEN_CHARACTERS_MAX } },
    success: { status: 201, description: 'Stored.' },
    refusals: [403, 413],
    stream: async (call, request, response) => {
      const { id = '', file = '' } = call.params;
      await uploads.take(id, String(call.query.sig ?? ''), file, request);
      response.status(201).end();
    },
  };
}

async function taskOf(
  { platform }: ApiParts,
  nodeName: string,
  correlationId: string,
): Promise<{ status: string; message: string }> {
  const request = {
    methodName: 'GetTaskStatus',
    payload: { schemaVersion: '1.0', correlationId },
    responseTimeoutSecs: ANSWER_TIMEOUT_SECS,
  };
  const { status, payload } = await platform.invokeMethod(nodeName, AGENT_MODULE, request);
  const task = (payload ?? {}) as { status?: unknown; message?: unknown };
  if (status !== 200) return { status: 'Unknown', message: String(task.message ?? '') };
  return { status: String(task.status ?? 'Unknown'), message: String(task.message ?? '') };
}

function toAnswer(row: UploadRow, task = row.state === 'stored' ? 'Completed' : 'Running', message = '') {
  const utc = (atMs: number) => new Date(atMs).toISOString();
  return {
    id: row.id,
    kind: row.kind,
    state: row.state === 'stored' ? 'Completed' : task,
    message,
    createdAtUtc: utc(row.created_ms),
    createdBy: row.created_by,
    storedAtUtc: row.stored_ms === null ? null : utc(row.stored_ms),
    fileName: row.file_name,
    sizeBytes: row.size_bytes,
    correlationId: row.correlation_id,
  };
}
