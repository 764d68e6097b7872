// Twin GET and reported PATCH: ask the host, answer on `$iothub/twin/res/`. The Node SDK ignores the status in the topic and takes only a
// body with `errorCode` for an error (cloud.md 1.5), so every error answer has one.

import { randomUUID } from 'node:crypto';
import { describeError } from '@wayside/kit';
import { type InboundTopic, type JsonObject, topicOf } from '@wayside/protocol';
import type { Connection } from './connection.ts';
import { IotHubError } from './errors.ts';
import { publish } from './packets.ts';

const OK = 200;
const NO_CONTENT = 204;
const BAD_JSON_ERROR_CODE = 400_004;
const INTERNAL_ERROR_CODE = 500_001;

/** Never rejects. */
export async function answerTwinGet(connection: Connection, rid: string): Promise<void> {
  try {
    const twin = await connection.owner.host.twinGet(connection.established!.identity);
    const payload = JSON.stringify({ desired: twin.desired, reported: twin.reported });
    connection.write(publish({ topic: topicOf.twinRes(OK, rid), payload, qos: 0 }));
  } catch (error) {
    answerError(connection, rid, error);
  }
}

/** Never rejects. */
export function answerTwinPatch(
  connection: Connection,
  topic: Extract<InboundTopic, { kind: 'twinReported' }>,
  body: Buffer,
): Promise<void> {
  const answered = connection.patchTail.then(async () => {
    try {
      const { identity } = connection.established!;
      const version = await connection.owner.host.patchReported(identity, parsePatch(body), topic.version);
      connection.write(publish({ topic: topicOf.twinRes(NO_CONTENT, topic.rid, version), payload: '', qos: 0 }));
    } catch (error) {
      answerError(connection, topic.rid, error);
    }
  });
  connection.patchTail = answered;
  return answered;
}

function parsePatch(body: Buffer): JsonObject {
  let patch: unknown;
  try {
    patch = JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw new IotHubError(400, BAD_JSON_ERROR_CODE, 'Reported properties are no valid JSON', { cause: error });
  }
  if (patch === null || typeof patch !== 'object' || Array.isArray(patch)) {
    throw new IotHubError(400, BAD_JSON_ERROR_CODE, 'Reported properties must be a JSON object');
  }
  return patch as JsonObject;
}

function answerError(connection: Connection, rid: string, error: unknown): void {
  const known = error instanceof IotHubError ? error : undefined;
  const trackingId = randomUUID();
  const log = { client: connection.label, trackingId, error: describeError(error) };
  if (known) connection.owner.logger.info('Twin request refused', log);
  else connection.owner.logger.error('Twin request failed', log);
  const payload = JSON.stringify({
    errorCode: known?.errorCode ?? INTERNAL_ERROR_CODE,
    trackingId,
    message: known?.message ?? 'Internal error',
    timestampUtc: new Date(connection.owner.clock.nowMs()).toISOString(),
  });
  connection.write(publish({ topic: topicOf.twinRes(known?.status ?? 500, rid), payload, qos: 0 }));
}
